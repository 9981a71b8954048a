"""The target is given the passes of all rounds together, and the engine outlives them."""

import torch
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset

NUM_ROUNDS = 12
LOCAL_EPOCHS = 2
DELTA = 1e-5


class Site:
    def __init__(self, records):
        data = TensorDataset(torch.randn(records, 8), torch.randn(records, 1))
        self.engine = PrivacyEngine(secure_mode=True)
        model = torch.nn.Linear(8, 1)
        self.model, self.optimizer, self.loader = self.engine.make_private_with_epsilon(
            module=model,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.02),
            data_loader=DataLoader(data, batch_size=50),
            target_epsilon=3.0,
            target_delta=DELTA,
            epochs=NUM_ROUNDS * LOCAL_EPOCHS,
            max_grad_norm=1.0,
        )

    def train(self, weights):
        self.model.load_state_dict(weights)
        self.model.train()
        for _ in range(LOCAL_EPOCHS):
            for features, targets in self.loader:
                self.optimizer.zero_grad()
                torch.nn.functional.mse_loss(self.model(features), targets).backward()
                self.optimizer.step()
        return self.model.state_dict()


def main():
    sites = [Site(2000), Site(2000)]
    weights = sites[0].model.state_dict()
    for server_round in range(NUM_ROUNDS):
        updates = [site.train(weights) for site in sites]
        weights = {name: sum(one[name] for one in updates) / len(updates) for name in weights}
    print([site.engine.get_epsilon(DELTA) for site in sites])


main()
