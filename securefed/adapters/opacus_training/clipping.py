"""What stands between a model and its clipped sums, as Protocols: book-keeping or Opacus' hooks."""

from contextlib import AbstractContextManager
from typing import Any, Protocol

from torch import Tensor, nn

from securefed.adapters.opacus_training.bookkeeping import ClippedSum


class ClippedBatch(Protocol):
    """The units of one step, in as many parts as memory wants."""

    def add(self, losses: Tensor, *, unit_rows: int = 1) -> ClippedSum:
        """Adds the clipped sum of these losses; so many rows that follow one another are a unit."""
        ...

    def write(self) -> None:
        """Puts the sums into `p.grad`; zeros of no units at all."""
        ...


class ClippingModule(Protocol):
    """A model that can be called as before, and gives clipped sums of its gradients."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the model answers."""
        ...

    def logical_batch(self, clip: float) -> AbstractContextManager[ClippedBatch]:
        """A fresh batch; however it is left, only `write` puts anything into `p.grad`."""
        ...

    def detach(self) -> nn.Module:
        """The model as it was."""
        ...
