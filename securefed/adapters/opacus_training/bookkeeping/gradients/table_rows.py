"""Gradients of an embedding table: the rows that a record looked up, and nothing else.

Promises norms that are never too small where a record looks up a row several times (their gradients
are added before they are measured), and work in proportion to the look-ups, never to the table.
"""

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


@dataclass(frozen=True, kw_only=True, slots=True)
class TableRows:
    """For each record, row numbers [records, look-ups] and gradients [records, look-ups, width]."""

    rows: Tensor
    values: Tensor
    parameter: torch.Size
    dtype: torch.dtype

    def squared_norms(self) -> Tensor:
        """The sum of squares after gradients of the same row of a record were added. Those that
        cancel are rounded otherwise in the weighted sum, so that there is slack here too."""
        values = self.values.to(self.dtype)
        records, lookups = self.rows.shape
        if lookups == 1:
            return norms(self.values.flatten(1), 1, self.dtype).square()
        record = torch.arange(records, device=self.rows.device).unsqueeze(1)
        keys, place = torch.unique(record * self.parameter[0] + self.rows, return_inverse=True)
        rows = values.new_zeros(len(keys), self.parameter[1])
        rows.index_add_(0, place.flatten(), values.flatten(0, 1))
        squares = norms(rows, 1, self.dtype).square()
        owner = torch.div(keys, self.parameter[0], rounding_mode="floor")
        summed = values.new_zeros(records).index_add_(0, owner, squares)
        return (summed.sqrt() + slack(self.dtype) * self.sizes()).square()

    def sizes(self) -> Tensor:
        """For each record the sum of its look-ups' norms."""
        return norms(self.values, 2, self.dtype).sum(1)

    def whole(self) -> Tensor:
        """Each record's table. Only for one that shares its weight with a layer of whole
        gradients, which is then as small."""
        values = self.values.to(self.dtype)
        tables = values.new_zeros(len(values), *self.parameter)
        places = self.rows.unsqueeze(2).expand_as(values)
        return tables.scatter_add_(1, places, values)

    def add_weighted(self, total: Tensor, factors: Tensor) -> None:
        """Adds to the rows that were looked up; the others are not touched."""
        values = scaled(self.values.to(self.dtype), factors)
        total.index_add_(0, self.rows.flatten(), values.flatten(0, 1))

    def grouped(self, rows: int) -> "TableRows":
        """Its records' look-ups are further look-ups of the unit."""
        return TableRows(
            rows=by_unit(self.rows, rows).flatten(1),
            values=by_unit(self.values, rows).flatten(1, 2),
            parameter=self.parameter,
            dtype=self.dtype,
        )

    def without(self, lost: Tensor) -> "TableRows":
        """The gradients of the lost records become zero; which rows they looked up is kept."""
        return TableRows(
            rows=self.rows,
            values=masked(self.values, lost),
            parameter=self.parameter,
            dtype=self.dtype,
        )


def all_lookups(parts: Sequence[TableRows]) -> TableRows:
    """All uses of one table as further look-ups."""
    return TableRows(
        rows=torch.cat([part.rows for part in parts], dim=1),
        values=torch.cat([part.values.to(part.dtype) for part in parts], dim=1),
        parameter=parts[0].parameter,
        dtype=parts[0].dtype,
    )
