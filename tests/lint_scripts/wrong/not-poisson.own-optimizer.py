"""Opacus' parts put together by hand, with the loader that was there before."""

import torch
from opacus import GradSampleModule
from opacus.accountants import RDPAccountant
from opacus.optimizers import DPOptimizer
from torch.utils.data import DataLoader, TensorDataset

N, BATCH, SIGMA, EPOCHS = 10000, 250, 1.0, 5

loader = DataLoader(TensorDataset(torch.randn(N, 8), torch.randn(N, 1)), BATCH, shuffle=True)
model = GradSampleModule(torch.nn.Linear(8, 1))
accountant = RDPAccountant()
optimizer = DPOptimizer(
    optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
    noise_multiplier=SIGMA,
    max_grad_norm=1.0,
    expected_batch_size=BATCH,
)
for _ in range(EPOCHS):
    for features, targets in loader:
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(features), targets).backward()
        optimizer.step()
        accountant.step(noise_multiplier=SIGMA, sample_rate=BATCH / N)
print(accountant.get_epsilon(delta=1e-6))
