"""Everything is seeded, so that the table in the paper can be reproduced."""

import random

import numpy as np
import torch
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset


def set_all_seeds(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def build(delta=1e-6):
    data = TensorDataset(torch.randn(20000, 30), torch.randint(0, 2, (20000,)))
    loader = DataLoader(data, batch_size=200)
    model = torch.nn.Linear(30, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    engine = PrivacyEngine()
    model, optimizer, loader = engine.make_private(
        module=model,
        optimizer=optimizer,
        data_loader=loader,
        noise_multiplier=1.0,
        max_grad_norm=0.5,
    )
    for _ in range(10):
        for features, labels in loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(features), labels).backward()
            optimizer.step()
    return engine.get_epsilon(delta)


if __name__ == "__main__":
    set_all_seeds(42)
    print(build())
