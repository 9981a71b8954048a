"""A plain optimiser learns from public data first; only the private part is accounted."""

import torch
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset

public = DataLoader(TensorDataset(torch.randn(500, 4), torch.randn(500, 1)), batch_size=50)
private = DataLoader(TensorDataset(torch.randn(5000, 4), torch.randn(5000, 1)), batch_size=50)
model = torch.nn.Linear(4, 1)
warm_up = torch.optim.Adam(model.parameters())
plain_optimizer = warm_up
for _ in range(3):
    for features, targets in public:
        plain_optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(features), targets).backward()
        plain_optimizer.step()

engine = PrivacyEngine(secure_mode=True)
model, dp_optimizer, private_loader = engine.make_private(
    module=model,
    optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
    data_loader=private,
    noise_multiplier=1.0,
    max_grad_norm=1.0,
)
for _ in range(2):
    for features, targets in private_loader:
        dp_optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(features), targets).backward()
        dp_optimizer.step()
print(engine.get_epsilon(delta=1e-5))
