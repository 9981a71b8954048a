"""What becomes of each module of a model: watched by a rule, given its parameters by rows, or left.

Refuses, before anything is changed, a model with a layer that mixes records, one with a trainable
parameter that no rule covers, and one whose weights are too coarse to carry noise.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from torch import Tensor, nn

from securefed.adapters.opacus_training.bookkeeping.attention import (
    attention_forward,
    is_packed_attention,
)
from securefed.adapters.opacus_training.bookkeeping.recorder import Recorder, WatchedLayer
from securefed.adapters.opacus_training.bookkeeping.rules import rule_for
from securefed.adapters.opacus_training.bookkeeping.unsound import refuse_unsound
from securefed.errors import UnsupportedLayer

Forward: TypeAlias = Callable[..., Any]


def watched_forwards(model: nn.Module, recorder: Recorder) -> dict[nn.Module, Forward]:
    """For each module that needs one, the forward that takes the place of its own."""
    refuse_unsound(model)
    forwards: dict[nn.Module, Forward] = {}
    for name, module in model.named_modules():
        trained = _trained(module)
        if trained:
            forwards[module] = _forward(name, module, trained, recorder)
    return forwards


def _trained(module: nn.Module) -> dict[str, nn.Parameter]:
    own = module.named_parameters(recurse=False)
    return {short: parameter for short, parameter in own if parameter.requires_grad}


def _forward(
    name: str, module: nn.Module, trained: dict[str, nn.Parameter], recorder: Recorder
) -> Forward:
    rule = rule_for(module)
    if "forward" in vars(module):
        raise UnsupportedLayer("something else has replaced its forward", where=name)
    if rule is not None:
        return _by_rule(WatchedLayer(name=name, rule=rule), module, recorder)
    if isinstance(module, nn.MultiheadAttention) and is_packed_attention(module):
        return attention_forward(name, module, recorder)
    for short, parameter in trained.items():
        if parameter.dim() < 2 or len(parameter) != 1 or not _runs(module):
            raise UnsupportedLayer(
                f"{type(module).__name__} has no rule, and its parameter of shape "
                f"{list(parameter.shape)} cannot be given to it record by record",
                where=_dotted(name, short),
            )
    names = {short: _dotted(name, short) for short in trained}
    return _by_rows(module, trained, names, recorder)


def _by_rule(layer: WatchedLayer, module: nn.Module, recorder: Recorder) -> Forward:
    original = module.forward

    def forward(input: Tensor) -> Any:
        return recorder.run(layer, input) if recorder.listening else original(input)

    return forward


def _by_rows(
    module: nn.Module, trained: dict[str, nn.Parameter], names: dict[str, str], recorder: Recorder
) -> Forward:
    original = module.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        if not recorder.listening:
            return original(*args, **kwargs)
        # An attribute of the instance comes before the parameter of the same name.
        rows = {short: recorder.rows(names[short], one) for short, one in trained.items()}
        vars(module).update(rows)
        try:
            return original(*args, **kwargs)
        finally:
            for short in rows:
                vars(module).pop(short, None)

    return forward


def _runs(module: nn.Module) -> bool:
    return type(module).forward is not nn.Module.forward


def _dotted(name: str, short: str) -> str:
    return f"{name}.{short}" if name else short
