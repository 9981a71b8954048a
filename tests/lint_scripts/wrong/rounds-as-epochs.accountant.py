"""The accountant is stepped once for each round, the optimiser once for each batch."""

import torch
from opacus import PrivacyEngine
from opacus.accountants import RDPAccountant
from torch.utils.data import DataLoader, TensorDataset

N_ROUNDS, LOCAL_EPOCHS = 30, 3
SIGMA, CLIP, DELTA = 1.1, 1.0, 1e-5

dataset = TensorDataset(torch.randn(5000, 10), torch.randn(5000, 1))
train_loader = DataLoader(dataset, batch_size=100, shuffle=True)
model = torch.nn.Linear(10, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
engine = PrivacyEngine()
model, optimizer, private_loader = engine.make_private(
    module=model,
    optimizer=optimizer,
    data_loader=train_loader,
    noise_multiplier=SIGMA,
    max_grad_norm=CLIP,
)


def train_one_round():
    for _ in range(LOCAL_EPOCHS):
        for features, targets in private_loader:
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(features), targets).backward()
            optimizer.step()


accountant = RDPAccountant()
for server_round in range(N_ROUNDS):
    train_one_round()
    accountant.step(noise_multiplier=SIGMA, sample_rate=100 / 5000)
print("epsilon", accountant.get_epsilon(delta=DELTA))
