"""Each Flower client adds its share of the noise; FedAvg weights by the number of examples."""

import flwr as fl
import torch
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset

NUM_CLIENTS = 10
SIGMA = 1.0
DELTA = 1e-5


class Client(fl.client.NumPyClient):
    def __init__(self):
        self.model = torch.nn.Linear(6, 1)
        self.loader = DataLoader(
            TensorDataset(torch.randn(3000, 6), torch.randn(3000, 1)), batch_size=30
        )
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.engine = PrivacyEngine()
        self.model, self.optimizer, self.loader = self.engine.make_private(
            module=self.model,
            optimizer=self.optimizer,
            data_loader=self.loader,
            noise_multiplier=SIGMA / NUM_CLIENTS**0.5,
            max_grad_norm=1.0,
        )

    def fit(self, parameters, config):
        for features, targets in self.loader:
            self.optimizer.zero_grad()
            torch.nn.functional.mse_loss(self.model(features), targets).backward()
            self.optimizer.step()
        weights = [value.numpy() for value in self.model.state_dict().values()]
        return weights, len(self.loader.dataset), {"epsilon": self.engine.get_epsilon(DELTA)}


def start_server():
    strategy = fl.server.strategy.FedAvg(min_fit_clients=NUM_CLIENTS)
    fl.server.start_server(config=fl.server.ServerConfig(num_rounds=5), strategy=strategy)


if __name__ == "__main__":
    fl.client.start_numpy_client(server_address="127.0.0.1:8080", client=Client())
