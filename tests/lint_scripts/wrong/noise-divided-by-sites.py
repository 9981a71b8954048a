"""A server that weights four hospitals by patients, and adds noise as if they were equal."""

import numpy as np

SITE_RECORDS = [199, 172, 30, 85]
NUM_SITES = 4
NOISE_MULTIPLIER = 1.0
CLIP = 1.0
DELTA = 1e-5


def clipped(update):
    norm = np.linalg.norm(update)
    return update * min(1.0, CLIP / norm)


def aggregate(updates):
    """One round: the weighted average of the clipped updates, with Gaussian noise."""
    average = np.average([clipped(one) for one in updates], axis=0, weights=SITE_RECORDS)
    std = NOISE_MULTIPLIER * CLIP / NUM_SITES
    return average + np.random.normal(0.0, std, size=average.shape)


def run(sites, weights, num_rounds=10):
    for server_round in range(num_rounds):
        weights = weights + aggregate([site.train(weights, server_round) for site in sites])
    return weights
