"""The rule of a linear layer, on records of any number of positions."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from securefed.adapters.opacus_training.bookkeeping.gradients import WholeGradients, outer_products
from securefed.adapters.opacus_training.bookkeeping.rules.rule import Found, constant, unchanged


@dataclass(frozen=True, slots=True)
class LinearRule:
    """y = x·Wᵀ + b."""

    layer: nn.Linear

    @classmethod
    def of(cls, module: nn.Module) -> "LinearRule | None":
        """The rule, where the module is such a layer."""
        if isinstance(module, nn.Linear) and unchanged(module, nn.Linear):
            return cls(module)
        return None

    @property
    def dimensions(self) -> int:
        """A record and its width."""
        return 2

    def apply(self, x: Tensor, /) -> Tensor:
        """The layer's own function."""
        return functional.linear(x, self.layer.weight.detach(), constant(self.layer.bias))

    def gradients(self, x: Tensor, grad: Tensor, /) -> Found:
        """Outer products for the weight, the gradient itself for the bias."""
        weight, bias = self.layer.weight, self.layer.bias
        if weight.requires_grad:
            yield weight, outer_products(positions(grad), positions(x), weight)
        if bias is not None and bias.requires_grad:
            yield bias, summed_over_positions(grad, bias)


def positions(values: Tensor) -> Tensor:
    """[records, one group, positions, width], whatever dimensions lie between first and last."""
    return values.reshape(len(values), 1, -1, values.shape[-1])


def summed_over_positions(grad: Tensor, bias: Tensor) -> WholeGradients:
    """The gradients of something added at every position."""
    values = grad.reshape(len(grad), -1, bias.numel())
    return WholeGradients(values=values.sum(1, dtype=bias.dtype))
