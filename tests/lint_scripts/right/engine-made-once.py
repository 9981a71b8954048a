"""The client makes its engine in the first round, and keeps it."""

import flwr as fl
import torch
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset


class Client(fl.client.NumPyClient):
    def __init__(self):
        self.net = torch.nn.Linear(5, 1)
        self.data = DataLoader(
            TensorDataset(torch.randn(1000, 5), torch.randn(1000, 1)), batch_size=20
        )
        self.engine = None

    def fit(self, parameters, config):
        if self.engine is None:
            self.engine = PrivacyEngine()
            self.net, self.optimizer, self.private = self.engine.make_private(
                module=self.net,
                optimizer=torch.optim.SGD(self.net.parameters(), lr=0.1),
                data_loader=self.data,
                noise_multiplier=1.5,
                max_grad_norm=1.0,
            )
        for features, targets in self.private:
            self.optimizer.zero_grad()
            torch.nn.functional.mse_loss(self.net(features), targets).backward()
            self.optimizer.step()
        weights = [value.numpy() for value in self.net.state_dict().values()]
        return weights, 1000, {"epsilon": self.engine.get_epsilon(1e-5)}


if __name__ == "__main__":
    fl.client.start_numpy_client(server_address="127.0.0.1:8080", client=Client())
