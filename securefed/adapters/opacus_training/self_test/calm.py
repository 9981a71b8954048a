"""No dropout while sums are compared: a model that draws differently each time compares to nothing.

The model stays in training mode, where whatever else depends on that mode is tested as it will run.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torch.nn import functional
from torch.overrides import TorchFunctionMode

_SCATTERED = {
    functional.dropout,
    functional.dropout1d,
    functional.dropout2d,
    functional.dropout3d,
    functional.alpha_dropout,
    functional.feature_alpha_dropout,
}
# Functions that drop within themselves, where the mode is not asked, and where they are told how
# much: as `dropout_p`, or at this place.
_SHARES = {
    functional.scaled_dot_product_attention: 4,
    functional.multi_head_attention_forward: 10,
}


class WithoutDropout(TorchFunctionMode):
    """Inside, dropout returns what it is given, and attention drops nothing."""

    def __torch_function__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Answers in place of torch's functions."""
        named = dict(kwargs or {})
        if func in _SCATTERED:
            return args[0] if args else named["input"]
        place = _SHARES.get(func)
        if place is None:
            return func(*args, **named)
        if len(args) > place:
            return func(*args[:place], 0.0, *args[place + 1 :], **named)
        return func(*args, **{**named, "dropout_p": 0.0})
