"""Lengths of gradients, found piece by piece.

Promises what a norm over all the numbers in a row says, without ever laying them out in one: a
piece stays in a core's cache, and a large model needs no further copies of itself.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Final

import torch
from torch import Tensor

# Of float32 a MiB.
_PIECE: Final = 1 << 18


def pieces_of(tensor: Tensor) -> Iterator[Tensor]:
    """The tensor's numbers in order, some at a time."""
    yield from torch.split(tensor.flatten(), _PIECE)


def norm_of(tensors: Iterable[Tensor]) -> float:
    """The L2 norm of all their numbers together."""
    return math.hypot(*(piece.norm().item() for one in tensors for piece in pieces_of(one)))


def norm_apart(some: Iterable[Tensor], others: Iterable[Tensor]) -> float:
    """The L2 norm of the difference of as many tensors of the same shapes."""
    return math.hypot(
        *(
            (here - there).norm().item()
            for one, other in zip(some, others, strict=True)
            for here, there in zip(pieces_of(one), pieces_of(other), strict=True)
        )
    )
