"""Noise is divided by the number of sites; how updates are averaged stands elsewhere."""

import torch

NUM_SITES = 5
SIGMA = 1.0


def noisy_share(gradient_sum, clip):
    noise = torch.randn_like(gradient_sum) * SIGMA * clip / NUM_SITES**0.5
    return gradient_sum + noise
