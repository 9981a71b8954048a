"""A Flower client that protects itself anew in every round."""

import flwr as fl
import torch
from opacus import PrivacyEngine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

NUM_ROUNDS = 50
BATCH_SIZE = 32
NOISE_MULTIPLIER = 1.0
MAX_GRAD_NORM = 1.0
TARGET_DELTA = 1e-5
DEVICE = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, x):
        return self.layers(x)


def load_data():
    features = torch.randn(400, 16)
    labels = torch.randint(0, 2, (400,))
    return DataLoader(TensorDataset(features, labels), batch_size=BATCH_SIZE, shuffle=True)


def train(net, train_loader, privacy_engine, optimizer, epochs=1):
    criterion = nn.CrossEntropyLoss()
    for _ in range(epochs):
        for features, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(net(features.to(DEVICE)), labels.to(DEVICE))
            loss.backward()
            optimizer.step()
    return privacy_engine.get_epsilon(delta=TARGET_DELTA)


class FlowerClient(fl.client.NumPyClient):
    def __init__(self, model, train_loader):
        self.model = model
        self.train_loader = train_loader

    def get_parameters(self, config):
        return [value.cpu().numpy() for value in self.model.state_dict().values()]

    def set_parameters(self, parameters):
        names = self.model.state_dict().keys()
        state = {name: torch.tensor(value) for name, value in zip(names, parameters)}
        self.model.load_state_dict(state, strict=True)

    def fit(self, parameters, config):
        self.set_parameters(parameters)
        optimizer = torch.optim.SGD(self.model.parameters(), lr=0.05, momentum=0.9)
        privacy_engine = PrivacyEngine()
        model, optimizer, train_loader = privacy_engine.make_private(
            module=self.model,
            optimizer=optimizer,
            data_loader=self.train_loader,
            noise_multiplier=NOISE_MULTIPLIER,
            max_grad_norm=MAX_GRAD_NORM,
        )
        epsilon = train(model, train_loader, privacy_engine, optimizer)
        print(f"epsilon = {epsilon:.2f} at delta = {TARGET_DELTA}")
        return self.get_parameters(config), len(self.train_loader.dataset), {"epsilon": epsilon}


def client_fn(context):
    return FlowerClient(Net().to(DEVICE), load_data()).to_client()


def server_fn(context):
    strategy = fl.server.strategy.FedAvg(fraction_fit=1.0)
    config = fl.server.ServerConfig(num_rounds=NUM_ROUNDS)
    return fl.server.ServerAppComponents(strategy=strategy, config=config)


client_app = fl.client.ClientApp(client_fn=client_fn)
server_app = fl.server.ServerApp(server_fn=server_fn)
