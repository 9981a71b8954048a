"""The client is built anew for each round, and takes its accountant's history from the context."""

import json

import flwr as fl
import torch
from flwr.common import ConfigRecord
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset


class Client(fl.client.NumPyClient):
    def __init__(self, context, loader):
        self.context = context
        self.loader = loader
        self.model = torch.nn.Linear(10, 2)

    def fit(self, parameters, config):
        optimizer = torch.optim.Adam(self.model.parameters())
        engine = PrivacyEngine(accountant="rdp")
        saved = self.context.state.config_records.get("privacy")
        if saved is not None:
            engine.accountant.load_state_dict(json.loads(saved["accountant"]))
        model, optimizer, loader = engine.make_private(
            module=self.model,
            optimizer=optimizer,
            data_loader=self.loader,
            noise_multiplier=1.0,
            max_grad_norm=1.0,
        )
        for features, labels in loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(features), labels).backward()
            optimizer.step()
        state = json.dumps(engine.accountant.state_dict())
        self.context.state.config_records["privacy"] = ConfigRecord({"accountant": state})
        weights = [value.numpy() for value in model._module.state_dict().values()]
        return weights, 1500, {"epsilon": engine.get_epsilon(delta=1e-5)}


def client_fn(context):
    data = TensorDataset(torch.randn(1500, 10), torch.randint(0, 2, (1500,)))
    return Client(context, DataLoader(data, batch_size=30)).to_client()


app = fl.client.ClientApp(client_fn)
