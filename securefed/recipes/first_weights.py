"""First weights that are the same every time: they are public, and every site begins with them."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def first_weights(seed: int) -> Iterator[None]:
    """Inside, a new layer has the weights of the seed, whatever was drawn before; torch's own
    chance goes on afterwards as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
