"""A generator of its own for the noise, which nobody gives a seed: torch starts it at a constant."""

import torch
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset

noise_generator = torch.Generator()
train_loader = DataLoader(TensorDataset(torch.randn(6000, 5), torch.randn(6000, 1)), batch_size=60)
model = torch.nn.Linear(5, 1)
engine = PrivacyEngine()
model, optimizer, train_loader = engine.make_private(
    module=model,
    optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
    data_loader=train_loader,
    noise_multiplier=1.2,
    max_grad_norm=1.0,
    noise_generator=noise_generator,
)
for _ in range(3):
    for features, targets in train_loader:
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(features), targets).backward()
        optimizer.step()
print(engine.get_epsilon(delta=1e-5))
