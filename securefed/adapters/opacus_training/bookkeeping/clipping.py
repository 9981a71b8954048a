"""From the losses of a batch to its clipped sum of gradients: Σ min(1, C/|gᵢ|)·gᵢ, one gᵢ a unit.

A unit is a record, or as many records as the caller says, whose gradients are added before they are
measured. Promises that no unit adds more than C, whatever the model computes from its own records:
factors and sums are made from the same recorded gradients, and what autograd itself writes into
`p.grad` is thrown away (a weight used outside its layer would add there unclipped). A unit whose
gradient is not finite adds exactly nothing and is counted; one record of it is enough, also a
record whose loss has weight zero, since 0·NaN is NaN. It does not promise anything about models
that mix records: those are for the self-test to refuse, with batches of two sizes.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.bookkeeping.gradients import RecordGradients
from securefed.errors import LossUnusable

# Runs the backward pass of losses; the gradients of each parameter, by its name.
Backward: TypeAlias = Callable[[Tensor], dict[str, RecordGradients]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClippedSum:
    """What was done to the units of a physical batch. Private: it never leaves the site."""

    norms: Tensor
    factors: Tensor
    nonfinite: int


class LogicalBatch:
    """The units of one optimiser step, in as many physical batches as memory wants.

    Sums grow here and not in `p.grad`; they reach `p.grad` by `write` or not at all. What `p.grad`
    held before is lost, and its memory used again."""

    def __init__(
        self, backward: Backward, parameters: Mapping[str, nn.Parameter], clip: float
    ) -> None:
        if not (math.isfinite(clip) and clip > 0):
            raise ValueError(f"clip must be finite and positive, not {clip}")
        self._backward = backward
        self._parameters = parameters
        self._clip = clip
        self._sums: dict[str, Tensor] | None = {
            name: _room_in(parameter) for name, parameter in parameters.items()
        }

    def add(self, losses: Tensor, *, unit_rows: int = 1) -> ClippedSum:
        """Runs the backward pass of these losses, one a record, and adds their clipped sum.

        So many records that follow one another are one unit. If it raises, the whole logical batch
        is given up."""
        sums = self._open()
        self._sums = None
        refuse_unusable(losses, unit_rows)
        with torch.autocast(losses.device.type, enabled=False):
            gradients = self._backward(losses)
            with torch.no_grad():
                if unit_rows > 1:
                    for name in gradients:  # one by one: both forms together would be too large
                        gradients[name] = gradients[name].grouped(unit_rows)
                clipped = _add_clipped(gradients, self._clip, sums)
        self._sums = sums
        return clipped

    def write(self) -> None:
        """Puts the sums into `p.grad`. Of no records at all they are zeros."""
        sums = self._open()
        for name, parameter in self._parameters.items():
            parameter.grad = sums[name]
        self.close()

    def close(self) -> None:
        """Forgets the sums; nothing can be added or written any more."""
        self._sums = None

    def _open(self) -> dict[str, Tensor]:
        if self._sums is None:
            raise RuntimeError("this logical batch is written or given up")
        return self._sums


def refuse_unusable(losses: Tensor, unit_rows: int) -> None:
    """Losses must be one number a record, and each unit must have all of its records."""
    if losses.dim() != 1 or not losses.is_floating_point() or not losses.requires_grad:
        raise LossUnusable(
            f"the loss has the shape {list(losses.shape)}, and a list of one number for each "
            "record is needed, computed from the model"
        )
    if unit_rows < 1:
        raise ValueError(f"a unit has at least one row, not {unit_rows}")
    if len(losses) % unit_rows:
        raise LossUnusable(
            f"there are {len(losses)} losses, and they are not units of {unit_rows} records each"
        )


def _room_in(parameter: nn.Parameter) -> Tensor:
    """Zeros for a parameter's sum: its last gradient's memory, which large tables get late."""
    room, parameter.grad = parameter.grad, None
    if room is None or room.dtype != parameter.dtype or not room.is_contiguous():
        return torch.zeros_like(parameter, memory_format=torch.contiguous_format)
    return room.detach().zero_()


def discard(parameters: Mapping[str, nn.Parameter]) -> None:
    """Throws away whatever `p.grad` holds."""
    for parameter in parameters.values():
        parameter.grad = None


def _add_clipped(
    gradients: Mapping[str, RecordGradients], clip: float, sums: Mapping[str, Tensor]
) -> ClippedSum:
    squares = torch.stack([part.squared_norms() for part in gradients.values()]).sum(0)
    norms = squares.clamp(min=0).sqrt()
    lost = ~norms.isfinite()
    factors = (clip / norms).clamp(max=1).masked_fill(lost, 0)
    nonfinite = int(lost.sum())
    for name, part in gradients.items():
        safe = part.without(lost) if nonfinite else part
        safe.add_weighted(sums[name], factors.to(sums[name].dtype))
    return ClippedSum(norms=norms, factors=factors, nonfinite=nonfinite)
