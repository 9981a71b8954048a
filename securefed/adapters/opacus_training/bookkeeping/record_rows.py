"""A tensor that must stay aligned with the records, and refuses every use that might not be.

A parameter without a layer (a class token, position embeddings) is given to its module as one row a
record. Broadcasting aligns last dimensions first, so a row could silently meet a token or a head of
every record where the numbers happen to agree. Allowed is what keeps the first dimension, or joins
it with another tensor's first dimension; everything else is an error that names the parameter.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from securefed.errors import UnsupportedLayer

# By the names that torch gives to its functions: operators arrive under the same ones.
_ALONE = {"to", "float", "double", "half", "bfloat16", "type_as", "contiguous", "clone", "dropout"}
_TOGETHER = {
    *("add", "add_", "sub", "sub_", "rsub", "mul", "mul_", "expand_as"),
    *("cat", "concat", "concatenate"),  # along the first dimension the answer would be longer
}


class RecordRows(Tensor):
    """One row a record, of something that is the same for all of them."""

    belongs_to: str

    @classmethod
    def of(cls, rows: Tensor, name: str) -> "RecordRows":
        """Rows under the name that errors will use."""
        made = rows.as_subclass(cls)
        made.belongs_to = name
        return made

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Iterable[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """What torch asks before it does anything with such a tensor."""
        named = kwargs or {}
        # As torch's notes on subclasses do it; there is no public name.
        with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001
            answer = func(*_repeated_as_expanded(func, args), **named)
            if not isinstance(answer, Tensor):
                return answer
            inputs = [one for one in _flat([*args, *named.values()]) if isinstance(one, Tensor)]
            rows = next(one for one in inputs if isinstance(one, RecordRows))
            kept = answer.dim() > 0 and len(answer) == len(rows)
            if not (kept and _aligned(func.__name__, args, inputs)):
                raise UnsupportedLayer(
                    f"a parameter without a layer is used in '{func.__name__}', where its "
                    "gradients cannot be told apart by record",
                    where=rows.belongs_to,
                )
            if all(isinstance(one, RecordRows) for one in inputs):
                return cls.of(answer, rows.belongs_to)
            return answer.as_subclass(Tensor)


def _aligned(does: str, args: Sequence[Any], inputs: Sequence[Tensor]) -> bool:
    """Whether entry i of an answer that has as many comes from the inputs' rows i alone."""
    first = inputs[0]
    alike = all(one.dim() == first.dim() and len(one) == len(first) for one in inputs)
    if does in _TOGETHER:
        return alike
    if does in {"expand", "repeat"}:
        return len(_flat(args[1:])) == first.dim()
    if does == "__getitem__":
        return _keeps_first(args[1])
    return does in _ALONE


def _keeps_first(index: Any) -> bool:
    first = index[0] if isinstance(index, tuple) else index
    return isinstance(first, slice) and first == slice(None)


def _repeated_as_expanded(func: Callable[..., Any], args: Sequence[Any]) -> Sequence[Any]:
    """repeat(records, 1, …) means one row a record, which these are already."""
    if func.__name__ != "repeat":
        return args
    rows, (times, *rest) = args[0], _flat(args[1:])
    return (rows, 1 if times == len(rows) else times, *rest)


def _flat(values: Iterable[Any]) -> list[Any]:
    """The values, with those of lists and tuples one by one."""
    flat: list[Any] = []
    for value in values:
        flat.extend(value) if isinstance(value, (list, tuple)) else flat.append(value)
    return flat
