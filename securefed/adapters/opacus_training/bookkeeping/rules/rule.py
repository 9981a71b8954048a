"""What the engine needs to know about a layer, as a Protocol, and what all rules ask of one.

A rule computes the layer with its parameters as constants, so that autograd finds the gradients of
activations and nothing else, and says what the parameters' gradients are, record by record. Adding
a layer means adding a file with one such class and a line in `choice.py`.
"""

from collections.abc import Iterator
from typing import Protocol, TypeAlias

from torch import Tensor, nn

from securefed.adapters.opacus_training.bookkeeping.gradients import RecordGradients

Found: TypeAlias = Iterator[tuple[Tensor, RecordGradients]]


class LayerRule(Protocol):
    """One layer of a model, as the engine runs it."""

    @property
    def dimensions(self) -> int:
        """The least number of dimensions of an input whose first one is the record."""
        ...

    def apply(self, x: Tensor, /) -> Tensor:
        """What the layer answers, with its parameters as constants."""
        ...

    def gradients(self, x: Tensor, grad: Tensor, /) -> Found:
        """For each trainable parameter its gradients, from what the layer saw and the gradient of
        what it answered. The first dimension of both is the record."""
        ...


def unchanged(module: nn.Module, kind: type[nn.Module], *names: str) -> bool:
    """Whether a module computes what its kind computes, from parameters of these names only.

    A subclass with a forward of its own, or one whose weight is derived from other parameters, is
    not what its rule describes."""
    own = {name for name, _ in module.named_parameters(recurse=False)}
    return (
        isinstance(module, kind)
        and type(module).forward is kind.forward
        and own <= set(names or ("weight", "bias"))
    )


def constant(parameter: Tensor | None) -> Tensor | None:
    """A parameter as autograd must see it: not at all."""
    return None if parameter is None else parameter.detach()
