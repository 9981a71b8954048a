"""Gradients of a weight that is an embedding table and a linear layer's matrix at once.

Language models often share the two. The norm has a cross term, found by picking from the linear
layer's factor the columns of the tokens that were looked up: exact, and never [records, vocabulary,
width].
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from securefed.adapters.opacus_training.bookkeeping.gradients.form import slack
from securefed.adapters.opacus_training.bookkeeping.gradients.outer import OuterProducts
from securefed.adapters.opacus_training.bookkeeping.gradients.table_rows import TableRows
from securefed.adapters.opacus_training.bookkeeping.gradients.whole import WholeGradients


@dataclass(frozen=True, kw_only=True, slots=True)
class TiedGradients:
    """The sum of both for each record. The products have one group, and the table's rows on the
    left."""

    table: TableRows
    products: OuterProducts

    def squared_norms(self) -> Tensor:
        """|a|² + |b|² + 2⟨a, b⟩, and the slack of the last."""
        both = self.table.sizes() * self.products.sizes()
        squares = self.table.squared_norms() + self.products.squared_norms()
        return squares + 2 * self._inner() + 2 * slack(self.products.dtype) * both

    def whole(self) -> Tensor:
        """Each record's sum."""
        return self.table.whole() + self.products.whole()

    def add_weighted(self, total: Tensor, factors: Tensor) -> None:
        """First the product, then the rows that were looked up."""
        self.products.add_weighted(total, factors)
        self.table.add_weighted(total, factors)

    def grouped(self, rows: int) -> "TiedGradients | WholeGradients":
        """Both parts by unit; written out where the product is."""
        table, products = self.table.grouped(rows), self.products.grouped(rows)
        if isinstance(products, WholeGradients):
            return WholeGradients(values=table.whole() + products.values)
        return TiedGradients(table=table, products=products)

    def without(self, lost: Tensor) -> "TiedGradients":
        """Both parts without the lost records."""
        return TiedGradients(table=self.table.without(lost), products=self.products.without(lost))

    def _inner(self) -> Tensor:
        left, right = self.products.left.squeeze(1), self.products.right.squeeze(1)
        dtype = self.products.dtype
        columns = self.table.rows.unsqueeze(1).expand(-1, left.shape[1], -1)
        picked = torch.gather(left, 2, columns).to(dtype)
        return (picked * (right.to(dtype) @ self.table.values.to(dtype).mT)).sum((1, 2))
