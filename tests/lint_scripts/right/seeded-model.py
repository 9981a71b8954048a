"""The model's start is reproducible; the noise takes fresh randomness afterwards."""

import torch
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset

EPOCHS = 5


def main(seed=7):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(20, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    torch.seed()
    data = TensorDataset(torch.randn(5000, 20), torch.randint(0, 2, (5000,)))
    loader = DataLoader(data, batch_size=100)
    engine = PrivacyEngine()
    model, optimizer, private_loader = engine.make_private(
        module=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data_loader=loader,
        noise_multiplier=1.0,
        max_grad_norm=1.0,
    )
    for _ in range(EPOCHS):
        for features, labels in private_loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(features), labels).backward()
            optimizer.step()
    print(engine.get_epsilon(delta=0.1 / len(loader.dataset)))


main()
