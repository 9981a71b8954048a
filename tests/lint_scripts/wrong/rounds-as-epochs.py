"""A benchmark strategy: noise for as many epochs as there are rounds, and 100 updates in each."""

import torch
from datasets.heart import FedHeart
from opacus import PrivacyEngine
from torch.utils.data import DataLoader

NUM_ROUNDS = 15
NUM_UPDATES = 100
BATCH_SIZE = 4


class HeartTrain(torch.utils.data.Dataset):
    """The hospital with 199 patients."""

    def __init__(self):
        self.rows = FedHeart(center=0, train=True)

    def __len__(self):
        return 199

    def __getitem__(self, index):
        return self.rows[index]


class LocalModel:
    def __init__(self, model, loader, nrounds, dp_target_epsilon, dp_target_delta):
        self.model = model
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        self.engine = PrivacyEngine()
        self.model, self.optimizer, self.train_dl = self.engine.make_private_with_epsilon(
            module=self.model,
            optimizer=self.optimizer,
            data_loader=loader,
            epochs=nrounds,
            target_epsilon=dp_target_epsilon,
            target_delta=dp_target_delta,
            max_grad_norm=1.1,
        )
        self.batches = iter(self.train_dl)
        self.loss = torch.nn.BCELoss()

    def next_batch(self):
        try:
            return next(self.batches)
        except StopIteration:
            self.batches = iter(self.train_dl)
            return next(self.batches)

    def train_and_step(self, num_updates):
        for _ in range(num_updates):
            features, labels = self.next_batch()
            self.optimizer.zero_grad()
            self.loss(self.model(features), labels).backward()
            self.optimizer.step()


def run():
    loader = DataLoader(HeartTrain(), batch_size=BATCH_SIZE, shuffle=True)
    model = torch.nn.Sequential(torch.nn.Linear(13, 1), torch.nn.Sigmoid())
    client = LocalModel(model, loader, NUM_ROUNDS, dp_target_epsilon=1.0, dp_target_delta=1e-3)
    for _round in range(NUM_ROUNDS):
        client.train_and_step(NUM_UPDATES)


run()
