"""The models of tables: a linear layer, or hidden layers before it."""

import itertools
from collections.abc import Sequence

from torch import nn


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
