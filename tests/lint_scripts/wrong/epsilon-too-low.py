"""The noise is chosen for three epochs, and then training goes on for thirty."""

from dataclasses import dataclass

import torch
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Settings:
    epochs: int = 30
    dp_epochs: int = 3
    batch_size: int = 100
    epsilon: float = 2.0
    delta: float = 1e-6


def main():
    settings = Settings()
    data = TensorDataset(torch.randn(10000, 9), torch.randint(0, 2, (10000,)))
    loader = DataLoader(data, batch_size=settings.batch_size)
    model = torch.nn.Linear(9, 2)
    engine = PrivacyEngine()
    model, optimizer, loader = engine.make_private_with_epsilon(
        module=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data_loader=loader,
        target_epsilon=settings.epsilon,
        target_delta=settings.delta,
        epochs=settings.dp_epochs,
        max_grad_norm=1.0,
    )
    for epoch in range(settings.epochs):
        for features, labels in loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(features), labels).backward()
            optimizer.step()


main()
