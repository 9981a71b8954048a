"""The model as the book-keeping engine runs it, in the place of an Opacus grad-sample module.

It is called like the model. `clipped_sum` and `logical_batch` leave the clipped sum in `p.grad`,
where Opacus' own optimiser for ghost clipping, or ours, adds the noise. `detach` gives the model
back as it was. A model that it cannot treat exactly is refused by name, so that the caller can fall
back to Opacus' hooks. It neither samples, adds noise nor steps.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from securefed.adapters.opacus_training.bookkeeping.attaching import watched_forwards
from securefed.adapters.opacus_training.bookkeeping.backward import recorded_backward
from securefed.adapters.opacus_training.bookkeeping.clipping import (
    ClippedSum,
    LogicalBatch,
)
from securefed.adapters.opacus_training.bookkeeping.recorder import Recorder
from securefed.errors import UnsupportedLayer


class BookkeepingModule(nn.Module):
    """Wraps a model; records are the first dimension of its first tensor."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self._recorder = Recorder()
        self._watched = watched_forwards(model, self._recorder)
        self._trained = trainable(model)
        for module, forward in self._watched.items():
            vars(module)["forward"] = forward

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the model answers."""
        with self._recorder.batch(_records([*args, *kwargs.values()])):
            return self.model(*args, **kwargs)

    def clipped_sum(self, losses: Tensor, clip: float, *, unit_rows: int = 1) -> ClippedSum:
        """The clipped sum over the units of these losses, in `p.grad`."""
        with self.logical_batch(clip) as batch:
            clipped = batch.add(losses, unit_rows=unit_rows)
            batch.write()
        return clipped

    @contextmanager
    def logical_batch(self, clip: float) -> Iterator[LogicalBatch]:
        """A fresh batch. However it is left, only `write` puts anything into `p.grad`."""
        parameters = self._unchanged()
        batch = LogicalBatch(
            lambda losses: recorded_backward(losses, self._recorder, parameters), parameters, clip
        )
        try:
            yield batch
        finally:
            batch.close()

    def detach(self) -> nn.Module:
        """The model as it was, without any trace of this."""
        for module in self._watched:
            vars(module).pop("forward", None)
        self._watched = {}
        return self.model

    def _unchanged(self) -> dict[str, nn.Parameter]:
        """The trainable parameters, which must be those of the beginning."""
        now = trainable(self.model)
        if not self._watched or [*now] != [*self._trained]:
            raise RuntimeError("the model is detached, or other parameters of it are trainable now")
        return now


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The trainable parameters by name; one that is shared has one."""
    return {name: one for name, one in model.named_parameters() if one.requires_grad}


def _records(values: Iterable[Any]) -> int:
    for value in values:
        if isinstance(value, Tensor) and value.dim() > 0:
            return len(value)
    raise UnsupportedLayer("the model is called without a tensor whose entries are the records")
