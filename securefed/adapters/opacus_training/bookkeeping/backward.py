"""The backward pass that fills the book: each parameter's gradients, joined from all of its uses.

Whatever autograd itself writes into `p.grad` is thrown away, and that there is any is a refusal:
the parameter was used outside its layer, where nothing is known of records.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.bookkeeping.clipping import discard
from securefed.adapters.opacus_training.bookkeeping.gradients import RecordGradients, joined
from securefed.adapters.opacus_training.bookkeeping.recorder import Recorder
from securefed.errors import UnsupportedLayer


def recorded_backward(
    losses: Tensor, recorder: Recorder, parameters: Mapping[str, nn.Parameter]
) -> dict[str, RecordGradients]:
    """The gradients of all parameters for each record of the losses."""
    discard(parameters)
    try:
        with recorder.batch(len(losses)), recorder.taking() as taken:
            torch.autograd.backward(losses.sum())
        _refuse_outside_use(parameters)
    finally:
        discard(parameters)
    found: dict[Tensor, list[RecordGradients]] = {}
    for parameter, gradients in taken:
        found.setdefault(parameter, []).append(gradients)
    taken.clear()
    return {name: _joined(name, found.pop(parameter, [])) for name, parameter in parameters.items()}


def _refuse_outside_use(parameters: Mapping[str, nn.Parameter]) -> None:
    for name, parameter in parameters.items():
        if parameter.grad is not None:
            raise UnsupportedLayer(
                "a trainable parameter is used outside the layer that owns it", where=name
            )


def _joined(name: str, uses: list[RecordGradients]) -> RecordGradients:
    if not uses:
        raise UnsupportedLayer("a trainable parameter has no part in the loss", where=name)
    return joined(uses)
