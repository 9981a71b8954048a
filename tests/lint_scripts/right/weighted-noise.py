"""The noise of a weighted average is scaled by its largest weight."""

import numpy as np

SITE_RECORDS = np.array([199, 172, 30, 85])
NOISE_MULTIPLIER, CLIP = 1.0, 1.0


def clipped(update):
    return update * min(1.0, CLIP / np.linalg.norm(update))


def aggregate(updates):
    weights = SITE_RECORDS / SITE_RECORDS.sum()
    average = np.average([clipped(one) for one in updates], axis=0, weights=weights)
    std = NOISE_MULTIPLIER * CLIP * weights.max()
    return average + np.random.normal(0.0, std, size=average.shape)
