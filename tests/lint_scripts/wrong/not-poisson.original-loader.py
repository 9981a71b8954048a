"""The engine returns a Poisson loader, and the loop keeps drawing from the old one."""

import torch
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset


class Trainer:
    def __init__(self, model):
        data = TensorDataset(torch.randn(8000, 12), torch.randn(8000, 1))
        self.loader = DataLoader(data, batch_size=80, shuffle=True)
        self.engine = PrivacyEngine(accountant="prv")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        self.model, self.optimizer, self.private_loader = self.engine.make_private(
            module=model,
            optimizer=optimizer,
            data_loader=self.loader,
            noise_multiplier=0.9,
            max_grad_norm=1.0,
        )

    def fit(self, epochs=4):
        for _ in range(epochs):
            for step, (features, targets) in enumerate(self.loader):
                self.optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(self.model(features), targets)
                loss.backward()
                self.optimizer.step()
        return self.engine.get_epsilon(delta=1e-5)


print(Trainer(torch.nn.Linear(12, 1)).fit())
