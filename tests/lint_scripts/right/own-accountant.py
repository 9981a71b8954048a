"""The engine only draws the noise; an accountant beside it counts every step of every round."""

import torch
from opacus import PrivacyEngine
from opacus.accountants import PRVAccountant
from torch.utils.data import DataLoader, TensorDataset

ROUNDS, SIGMA = 25, 1.4


def one_round(weights, loader, accountant):
    model = torch.nn.Linear(6, 2)
    model.load_state_dict(weights)
    engine = PrivacyEngine()
    private, optimizer, batches = engine.make_private(
        module=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data_loader=loader,
        noise_multiplier=SIGMA,
        max_grad_norm=1.0,
    )
    for features, labels in batches:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(private(features), labels).backward()
        optimizer.step()
        accountant.step(noise_multiplier=SIGMA, sample_rate=1 / len(batches))
    return model.state_dict()


def main():
    data = TensorDataset(torch.randn(3000, 6), torch.randint(0, 2, (3000,)))
    loader = DataLoader(data, batch_size=60)
    accountant = PRVAccountant()
    weights = torch.nn.Linear(6, 2).state_dict()
    for communication_round in range(ROUNDS):
        weights = one_round(weights, loader, accountant)
    print("epsilon of all rounds:", accountant.get_epsilon(delta=1e-5))


main()
