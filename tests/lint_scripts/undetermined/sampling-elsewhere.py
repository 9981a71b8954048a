"""Whether batches are Poisson samples is a setting of a file that is not here."""

import torch
from opacus import PrivacyEngine
from settings import CONFIG
from torch.utils.data import DataLoader, TensorDataset

loader = DataLoader(TensorDataset(torch.randn(4000, 3), torch.randn(4000, 1)), batch_size=40)
model = torch.nn.Linear(3, 1)
engine = PrivacyEngine()
model, optimizer, loader = engine.make_private(
    module=model,
    optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
    data_loader=loader,
    noise_multiplier=1.0,
    max_grad_norm=1.0,
    poisson_sampling=CONFIG["poisson"],
)
for features, targets in loader:
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(model(features), targets).backward()
    optimizer.step()
print(engine.get_epsilon(delta=1e-5))
