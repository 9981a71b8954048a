"""One client process with one engine: every round adds to the same accountant."""

import flwr as fl
import torch
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset

DELTA = 1e-4


def train(model, loader, optimizer, epochs):
    model.train()
    for _ in range(epochs):
        for features, labels in loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(features), labels).backward()
            optimizer.step()


class HospitalClient(fl.client.NumPyClient):
    def __init__(self, loader):
        model = torch.nn.Linear(16, 2)
        self.privacy_engine = PrivacyEngine()
        self.model, self.optimizer, self.loader = self.privacy_engine.make_private(
            module=model,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.05),
            data_loader=loader,
            noise_multiplier=1.3,
            max_grad_norm=1.0,
        )

    def get_parameters(self, config):
        return [value.numpy() for value in self.model.state_dict().values()]

    def fit(self, parameters, config):
        names = self.model.state_dict().keys()
        state = {name: torch.tensor(value) for name, value in zip(names, parameters)}
        self.model.load_state_dict(state)
        train(self.model, self.loader, self.optimizer, epochs=int(config["local_epochs"]))
        spent = self.privacy_engine.get_epsilon(DELTA)
        return self.get_parameters(config), len(self.loader.dataset), {"epsilon": spent}


def main():
    data = TensorDataset(torch.randn(2400, 16), torch.randint(0, 2, (2400,)))
    client = HospitalClient(DataLoader(data, batch_size=48))
    fl.client.start_client(server_address="127.0.0.1:9092", client=client.to_client())


if __name__ == "__main__":
    main()
