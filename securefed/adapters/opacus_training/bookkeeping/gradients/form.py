"""What every form of per-record gradients can do, as a Protocol.

A form holds the gradient of one parameter for each record of a batch, in whatever way is cheap.
What it promises is consistency: `squared_norms` is never below the true figure of what
`add_weighted` adds by more than the parameter's own precision, so that factors made from the one
bound the other, whether or not a layer rule describes its layer rightly.
"""

from typing import Protocol

import torch
from torch import Tensor


class RecordGradients(Protocol):
    """The gradients of one parameter, one a record; the first dimension is always the record.

    A privacy unit with several records is one record here, once its gradients are grouped."""

    def squared_norms(self) -> Tensor:
        """For each record, the square of its gradient's norm."""
        ...

    def whole(self) -> Tensor:
        """All gradients written out, [records, *the parameter's shape]."""
        ...

    def add_weighted(self, total: Tensor, factors: Tensor) -> None:
        """Adds each record's gradient times its factor to a tensor of the parameter's shape."""
        ...

    def grouped(self, rows: int) -> "RecordGradients":
        """The gradients of units, which have so many records each, one after another. A unit's
        gradient is their sum."""
        ...

    def without(self, lost: Tensor) -> "RecordGradients":
        """The same with zeros for the records that a mask names, whatever they held: 0·NaN is NaN,
        so that a factor of zero alone would not silence a record."""
        ...


def slack(dtype: torch.dtype) -> float:
    """The relative error to allow for in a sum of products that may cancel.

    A norm that is found as a sum of inner products is wrong by about the precision times the
    squared sum of all magnitudes: a record whose parts cancel would seem shorter than it is. Twice
    the precision is added instead, so that it seems longer."""
    return 2 * torch.finfo(dtype).eps


def norms(values: Tensor, dim: int, dtype: torch.dtype) -> Tensor:
    """Lengths along a dimension, in the precision of the parameter."""
    found: Tensor = torch.linalg.vector_norm(values, dim=dim, dtype=dtype)
    return found


def by_unit(values: Tensor, rows: int) -> Tensor:
    """The values with a dimension for the unit before that of its records."""
    return values.reshape(len(values) // rows, rows, *values.shape[1:])


def masked(values: Tensor, lost: Tensor) -> Tensor:
    """The values with zeros for the lost records."""
    return values.masked_fill(lost.view(-1, *([1] * (values.dim() - 1))), 0)


def scaled(values: Tensor, factors: Tensor) -> Tensor:
    """The values of each record times its factor."""
    return values * factors.view(-1, *([1] * (values.dim() - 1)))
