"""Book-keeping: exact clipped sums of gradients by record or unit, from one backward pass.

Opacus keeps a gradient of every parameter for every record; this engine keeps what the layers saw
and the gradients of what they answered, finds each record's norm from those, and then makes one
matrix product a layer (He et al. 2022, Bu et al. 2022). docs/adr/0007-book-keeping.md has the why.

    module = BookkeepingModule(model)
    with module.logical_batch(clip=1.0) as batch:
        for x, y in physical_batches:
            batch.add(losses(module(x), y))    # one loss a record
        batch.write()                          # p.grad = Σ cᵢ·gᵢ; noise comes next
"""

from securefed.adapters.opacus_training.bookkeeping.clipping import ClippedSum, LogicalBatch
from securefed.adapters.opacus_training.bookkeeping.module import BookkeepingModule

__all__ = ["BookkeepingModule", "ClippedSum", "LogicalBatch"]
