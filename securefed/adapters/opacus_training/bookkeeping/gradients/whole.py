"""Gradients written out in full: [records, *the parameter's shape].

The right form where a parameter is small beside what its layer saw, as biases, normalisation layers
and convolutions on large images. It costs the parameter's size times the number of records.
"""

from dataclasses import dataclass

from torch import Tensor

from securefed.adapters.opacus_training.bookkeeping.gradients.form import by_unit, masked, norms


@dataclass(frozen=True, kw_only=True, slots=True)
class WholeGradients:
    """One full gradient a record."""

    values: Tensor

    def squared_norms(self) -> Tensor:
        """The sum of squares of each record."""
        return norms(self.values.flatten(1), 1, self.values.dtype).square()

    def whole(self) -> Tensor:
        """What is held."""
        return self.values

    def add_weighted(self, total: Tensor, factors: Tensor) -> None:
        """One matrix-vector product."""
        total.view(-1).addmv_(self.values.flatten(1).t(), factors)

    def grouped(self, rows: int) -> "WholeGradients":
        """Their sums."""
        return WholeGradients(values=by_unit(self.values, rows).sum(1))

    def without(self, lost: Tensor) -> "WholeGradients":
        """The lost records' gradients become zero."""
        return WholeGradients(values=masked(self.values, lost))
