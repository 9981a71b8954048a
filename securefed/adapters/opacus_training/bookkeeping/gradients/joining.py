"""All uses of one parameter become one set of gradients, exact with their cross terms.

A parameter that two layers share, or that one layer uses twice, has the sum of its uses as its
gradient; the norm of a sum is not the sum of norms. Uses of the same form become more positions of
that form; an embedding and a linear layer become tied gradients; any other mixture is written out.
"""

from collections.abc import Sequence

from securefed.adapters.opacus_training.bookkeeping.gradients.form import RecordGradients
from securefed.adapters.opacus_training.bookkeeping.gradients.outer import (
    OuterProducts,
    one_after_another,
)
from securefed.adapters.opacus_training.bookkeeping.gradients.table_rows import (
    TableRows,
    all_lookups,
)
from securefed.adapters.opacus_training.bookkeeping.gradients.tied import TiedGradients
from securefed.adapters.opacus_training.bookkeeping.gradients.whole import WholeGradients


def joined(uses: Sequence[RecordGradients]) -> RecordGradients:
    """The gradients of a parameter over all of its uses, at least one."""
    if len(uses) == 1:
        return uses[0]
    tables = [use for use in uses if isinstance(use, TableRows)]
    products = [use for use in uses if isinstance(use, OuterProducts)]
    if len(tables) + len(products) < len(uses) or len({use.layout for use in products}) > 1:
        return _written_out(uses)
    if not products:
        return all_lookups(tables)
    product = one_after_another(products)
    if not tables:
        return product
    table = all_lookups(tables)
    if isinstance(product, WholeGradients):
        return _written_out([table, product])
    return TiedGradients(table=table, products=product)


def _written_out(uses: Sequence[RecordGradients]) -> WholeGradients:
    total = uses[0].whole().clone()
    for use in uses[1:]:
        total += use.whole()
    return WholeGradients(values=total)
