"""The models of tables: a linear layer, or hidden layers before it."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def first_weights(seed: int) -> Iterator[None]:
    """Inside, a new layer has the weights of the seed, whatever was drawn before; torch's own
    chance goes on afterwards as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def even_layer(inputs: int, outputs: int) -> nn.Linear:
    """A layer that begins with the same answer for everybody."""
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def hidden_layers(inputs: int, widths: Sequence[int]) -> nn.Sequential:
    """Layers with tanh between: bounded activations suit clipped gradients (Papernot et al.,
    Tempered Sigmoid Activations for Deep Learning with Differential Privacy, 2021)."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise([inputs, *widths]):
        layers += [nn.Linear(before, after), nn.Tanh()]
    return nn.Sequential(*layers)
