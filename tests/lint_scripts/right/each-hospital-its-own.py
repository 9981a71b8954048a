"""An engine for each hospital is right: their patients are different ones."""

import torch
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset


def hospital_data(number):
    return TensorDataset(torch.randn(900, 13) + number, torch.randint(0, 2, (900,)))


def train_alone(dataset):
    loader = DataLoader(dataset, batch_size=30)
    model = torch.nn.Linear(13, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    engine = PrivacyEngine()
    model, optimizer, loader = engine.make_private(
        module=model,
        optimizer=optimizer,
        data_loader=loader,
        noise_multiplier=2.0,
        max_grad_norm=1.0,
    )
    for _ in range(4):
        for features, labels in loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(features), labels).backward()
            optimizer.step()
    return model, engine.get_epsilon(delta=1e-4)


results = []
for hospital in range(4):
    results.append(train_alone(hospital_data(hospital)))
print("epsilon of the worst hospital:", max(epsilon for _, epsilon in results))
