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
        if func is functional.scaled_dot_product_attention:
            query, key, value, *rest = args
            if len(rest) > 1:
                rest[1] = 0.0
            named = {**named, "dropout_p": 0.0} if len(rest) < 2 else named
            return func(query, key, value, *rest, **named)
        return func(*args, **named)
