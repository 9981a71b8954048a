"""A strategy's model: rounds as epochs are right only if the updates of a round are one pass."""

import time

import torch
from opacus import PrivacyEngine


class LocalModel:
    def __init__(
        self, model, train_dl, optimizer_class, lr, loss, nrounds, epsilon=None, seed=None
    ):
        self.model = model
        self._loss = loss
        self._optimizer = optimizer_class(self.model.parameters(), lr)
        seed = seed if seed is not None else int(time.time())
        self.model, self._optimizer, self._train_dl = PrivacyEngine().make_private_with_epsilon(
            module=self.model,
            optimizer=self._optimizer,
            data_loader=train_dl,
            epochs=nrounds,
            target_epsilon=epsilon,
            target_delta=1e-3,
            max_grad_norm=1.0,
            noise_generator=torch.Generator().manual_seed(seed),
        )

    def _local_train(self, loader_with_memory, num_updates):
        for index, _batch in enumerate(range(num_updates)):
            features, labels = loader_with_memory.get_samples()
            self._loss(self.model(features), labels).backward()
            self._optimizer.step()
            self._optimizer.zero_grad()

    def _prox_local_train(self, loader_with_memory, num_updates, mu):
        for index, _batch in enumerate(range(num_updates)):
            features, labels = loader_with_memory.get_samples()
            (self._loss(self.model(features), labels) + mu).backward()
            self._optimizer.step()
            self._optimizer.zero_grad()
