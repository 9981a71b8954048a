"""DP-FedAvg over many phones: equal weights, one noise a round, one accounted step a round."""

import numpy as np
from opacus.accountants import RDPAccountant

NUM_ROUNDS = 200
NUM_CLIENTS = 100
POPULATION = 10_000
NOISE_MULTIPLIER, CLIP = 1.2, 0.5


def clipped(update):
    return update * min(1.0, CLIP / np.linalg.norm(update))


def aggregate(updates):
    mean = sum(clipped(one) for one in updates) / NUM_CLIENTS
    return mean + np.random.normal(0, NOISE_MULTIPLIER * CLIP / NUM_CLIENTS, mean.shape)


def run(weights, train_on):
    accountant = RDPAccountant()
    for rnd in range(NUM_ROUNDS):
        chosen = np.flatnonzero(np.random.rand(POPULATION) < NUM_CLIENTS / POPULATION)
        weights = weights + aggregate([train_on(client, weights) for client in chosen])
        accountant.step(noise_multiplier=NOISE_MULTIPLIER, sample_rate=NUM_CLIENTS / POPULATION)
    return weights, accountant.get_epsilon(delta=1e-6)
