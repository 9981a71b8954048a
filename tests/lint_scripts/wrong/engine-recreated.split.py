"""The client of an app in several files: training, and the reading of its ε, stand in another."""

import torch
from flwr.client import ClientApp, NumPyClient
from flwr.common import Context
from hospital_app.task import Net, get_weights, load_data, set_weights, train
from opacus import PrivacyEngine


class FlowerClient(NumPyClient):
    def __init__(self, train_loader, target_delta, noise_multiplier, max_grad_norm):
        super().__init__()
        self.model = Net()
        self.train_loader = train_loader
        self.target_delta = target_delta
        self.noise_multiplier = noise_multiplier
        self.max_grad_norm = max_grad_norm

    def fit(self, parameters, config):
        model = self.model
        set_weights(model, parameters)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
        privacy_engine = PrivacyEngine(secure_mode=False)
        model, optimizer, self.train_loader = privacy_engine.make_private(
            module=model,
            optimizer=optimizer,
            data_loader=self.train_loader,
            noise_multiplier=self.noise_multiplier,
            max_grad_norm=self.max_grad_norm,
        )
        epsilon = train(model, self.train_loader, privacy_engine, optimizer, self.target_delta)
        print(f"Epsilon value for delta={self.target_delta} is {epsilon:.2f}")
        return get_weights(model), len(self.train_loader.dataset), {}


def client_fn(context: Context):
    train_loader, _ = load_data(partition_id=context.node_config["partition-id"])
    return FlowerClient(
        train_loader,
        context.run_config["target-delta"],
        context.run_config["noise-multiplier"],
        context.run_config["max-grad-norm"],
    ).to_client()


app = ClientApp(client_fn=client_fn)
