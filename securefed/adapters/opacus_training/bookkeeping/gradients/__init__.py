"""How the gradients of one parameter are kept, one a record, without always writing them out.

Each form answers the same three questions: how long is each record's gradient, what is their
weighted sum, and what are they in full.
"""

from securefed.adapters.opacus_training.bookkeeping.gradients.form import RecordGradients
from securefed.adapters.opacus_training.bookkeeping.gradients.joining import joined
from securefed.adapters.opacus_training.bookkeeping.gradients.outer import (
    OuterProducts,
    outer_products,
)
from securefed.adapters.opacus_training.bookkeeping.gradients.table_rows import TableRows
from securefed.adapters.opacus_training.bookkeeping.gradients.tied import TiedGradients
from securefed.adapters.opacus_training.bookkeeping.gradients.whole import WholeGradients

__all__ = [
    "OuterProducts",
    "RecordGradients",
    "TableRows",
    "TiedGradients",
    "WholeGradients",
    "joined",
    "outer_products",
]
