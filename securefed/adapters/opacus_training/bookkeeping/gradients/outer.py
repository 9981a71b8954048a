"""Gradients as sums of outer products: what a layer saw, and the gradient of what it answered.

Matrices of linear layers and kernels of convolutions have gradients of this form, leftᵀ·right over
the positions of a record. Its norm is found from the two factors alone (the ghost norm, Li et al.
2021), and the weighted sum over all records is one matrix product (book-keeping, Bu et al. 2022).
Promises a norm that is never too small; where a record's positions cancel it is a little too large.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from securefed.adapters.opacus_training.bookkeeping.gradients.form import (
    by_unit,
    masked,
    norms,
    scaled,
    slack,
)
from securefed.adapters.opacus_training.bookkeeping.gradients.whole import WholeGradients


@dataclass(frozen=True, kw_only=True, slots=True)
class OuterProducts:
    """leftᵀ·right for each record and group; both are [records, groups, positions, width].

    `parameter` is the shape of the parameter, whose rows, group after group, are the left widths.
    """

    left: Tensor
    right: Tensor
    parameter: torch.Size
    dtype: torch.dtype

    @property
    def layout(self) -> tuple[int, int, int]:
        """Groups, left width, right width."""
        return self.left.shape[1], self.left.shape[3], self.right.shape[3]

    def sizes(self) -> Tensor:
        """For each record the sum of its products' norms: what its norm is where none cancel."""
        left = norms(self.left, 3, self.dtype)
        return (left * norms(self.right, 3, self.dtype)).sum((1, 2))

    def squared_norms(self) -> Tensor:
        """Σ (left·leftᵀ) ⊙ (right·rightᵀ), and the slack."""
        if self.left.shape[2] == 1:
            left = norms(self.left, 3, self.dtype)
            right = norms(self.right, 3, self.dtype)
            return (left * right).square().sum((1, 2))
        left, right = self.left.to(self.dtype), self.right.to(self.dtype)
        lefts, rights = left @ left.mT, right @ right.mT
        lengths = lefts.diagonal(dim1=2, dim2=3) * rights.diagonal(dim1=2, dim2=3)
        sizes = lengths.sqrt().sum((1, 2))
        return (lefts.mul_(rights)).sum((1, 2, 3)) + slack(self.dtype) * sizes.square()

    def whole(self) -> Tensor:
        """Each record's product."""
        product = self.left.to(self.dtype).mT @ self.right.to(self.dtype)
        return product.reshape(len(product), *self.parameter)

    def add_weighted(self, total: Tensor, factors: Tensor) -> None:
        """One matrix product for each group, over all records and positions."""
        left, right = self.left.to(self.dtype), self.right.to(self.dtype)
        if left.shape[3] <= right.shape[3]:
            left = scaled(left, factors)
        else:
            right = scaled(right, factors)
        groups, rows, columns = self.layout
        if groups == 1:
            total.view(rows, columns).addmm_(left.reshape(-1, rows).t(), right.reshape(-1, columns))
            return
        lefts = left.transpose(0, 1).reshape(groups, -1, rows)
        rights = right.transpose(0, 1).reshape(groups, -1, columns)
        total.view(groups, rows, columns).baddbmm_(lefts.mT, rights)

    def grouped(self, rows: int) -> "OuterProducts | WholeGradients":
        """Its records' positions are further positions of the unit."""
        return smaller(
            OuterProducts(
                left=_positions_of_units(self.left, rows),
                right=_positions_of_units(self.right, rows),
                parameter=self.parameter,
                dtype=self.dtype,
            )
        )

    def without(self, lost: Tensor) -> "OuterProducts":
        """Both factors of the lost records become zero."""
        return OuterProducts(
            left=masked(self.left, lost),
            right=masked(self.right, lost),
            parameter=self.parameter,
            dtype=self.dtype,
        )


def _positions_of_units(values: Tensor, rows: int) -> Tensor:
    return by_unit(values, rows).transpose(1, 2).flatten(2, 3)


def outer_products(
    left: Tensor, right: Tensor, parameter: Tensor
) -> OuterProducts | WholeGradients:
    """Factors of a parameter's gradients, in the form that holds fewer numbers.

    The same comparison also says which norm takes less arithmetic (Bu et al. 2022)."""
    products = OuterProducts(
        left=left, right=right, parameter=parameter.shape, dtype=parameter.dtype
    )
    return smaller(products)


def smaller(products: OuterProducts) -> OuterProducts | WholeGradients:
    """The products, or their sum where that is no larger."""
    groups, rows, columns = products.layout
    positions = products.left.shape[2]
    # With a single position the norm is the product of two lengths, which nothing undercuts.
    if positions > 1 and math.prod(products.parameter) <= groups * positions * (rows + columns):
        return WholeGradients(values=products.whole())
    return products


def one_after_another(parts: Sequence[OuterProducts]) -> OuterProducts | WholeGradients:
    """All uses of one parameter as further positions: cross terms need no rule of their own."""
    return smaller(
        OuterProducts(
            left=torch.cat([part.left.to(part.dtype) for part in parts], dim=2),
            right=torch.cat([part.right.to(part.dtype) for part in parts], dim=2),
            parameter=parts[0].parameter,
            dtype=parts[0].dtype,
        )
    )
