"""Watches the layers of a model: what each saw, and the gradient of what it answered.

A layer's parameters never enter autograd's graph, so that the backward pass computes gradients of
activations only. What a layer saw hangs on the graph, and becomes gradients when the backward pass
arrives there; a forward pass that is given up therefore leaves nothing behind. Where autograd is
off nothing is recorded, and a layer runs as if unwatched.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.bookkeeping.gradients import (
    RecordGradients,
    WholeGradients,
)
from securefed.adapters.opacus_training.bookkeeping.record_rows import RecordRows
from securefed.adapters.opacus_training.bookkeeping.rules import LayerRule
from securefed.errors import UnsupportedLayer

Found: TypeAlias = Iterable[tuple[Tensor, RecordGradients]]
Taken: TypeAlias = list[tuple[Tensor, RecordGradients]]


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchedLayer:
    """A layer of the model under its name there."""

    name: str
    rule: LayerRule


class Recorder:
    """Which records are under way, and what the present backward pass has found about them."""

    def __init__(self) -> None:
        self._records: int | None = None
        self._taken: Taken | None = None

    @property
    def listening(self) -> bool:
        """Whether a layer that runs now is part of a batch's loss."""
        return self._records is not None and torch.is_grad_enabled()

    @contextmanager
    def batch(self, records: int) -> Iterator[None]:
        """Layers that run inside belong to a batch of so many records."""
        before, self._records = self._records, records
        try:
            yield
        finally:
            self._records = before

    @contextmanager
    def taking(self) -> Iterator[Taken]:
        """Gradients that arrive inside are collected; those that arrive outside are an error."""
        taken: Taken = []
        self._taken = taken
        try:
            yield taken
        finally:
            self._taken = None

    def run(self, layer: WatchedLayer, x: Tensor) -> Tensor:
        """The layer's answer, watched."""
        records = self._records or 0
        if x.dim() >= layer.rule.dimensions and len(x) == records:
            return self._watched(layer, x)
        if x.dim() > 1 and len(x) == 1 and not x.is_floating_point():
            # BERT's position numbers, [1, positions], are the same for each record.
            answer = self._watched(layer, x.expand(records, *x.shape[1:]))
            return RecordRows.of(answer, layer.name)
        raise UnsupportedLayer(
            f"a layer's input has the shape {list(x.shape)}, which is not one entry for each of "
            f"{records} records",
            where=layer.name,
        )

    def rows(self, name: str, parameter: nn.Parameter) -> Tensor:
        """A parameter of shape [1, ...] as one row a record, each with a gradient of its own."""
        records = self._records or 0

        def take(grad: Tensor) -> None:
            values = grad.reshape(len(grad), *parameter.shape).to(parameter.dtype)
            self._take(name, len(grad), lambda: [(parameter, WholeGradients(values=values))])

        rows = _sourced(lambda: parameter.detach().expand(records, *parameter.shape[1:]), take)
        return RecordRows.of(rows, name)

    def _watched(self, layer: WatchedLayer, x: Tensor) -> Tensor:
        # Emptied on use: the graph would hold the input for as long as the loss is in reach.
        seen = [x.detach()]

        def take(grad: Tensor) -> None:
            x = seen.pop()
            self._take(layer.name, len(x), lambda: layer.rule.gradients(x, grad))

        if not x.requires_grad:
            return _sourced(lambda: layer.rule.apply(x), take)
        answer = layer.rule.apply(x)
        hooked: Any = answer  # torch leaves the method untyped
        hooked.register_hook(take)
        return answer

    def _take(self, name: str, records: int, gradients: Callable[[], Found]) -> None:
        if self._taken is None:
            raise RuntimeError(f"{name}: a backward pass of its own; only a batch may run one")
        if records != self._records:
            raise UnsupportedLayer(
                f"a layer saw {records} records and the loss {self._records}", where=name
            )
        self._taken.extend(gradients())


class _Source(torch.autograd.Function):
    """Something computed from no gradient that has one nevertheless: it is handed over."""

    @staticmethod
    def forward(
        ctx: Any, _anchor: Tensor, make: Callable[[], Tensor], take: Callable[[Tensor], None]
    ) -> Tensor:
        """What is made, as the start of a graph."""
        ctx.take = take
        return make()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[None, None, None]:
        """Hands the gradient over; nothing lies before it."""
        ctx.take(grads[0])
        return None, None, None


def _sourced(make: Callable[[], Tensor], take: Callable[[Tensor], None]) -> Tensor:
    anchor = torch.empty((), requires_grad=True)
    source: Any = _Source
    made: Tensor = source.apply(anchor, make, take)
    return made
