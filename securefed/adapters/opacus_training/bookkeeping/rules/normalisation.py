"""The rules of layers that normalise each record by itself: LayerNorm, GroupNorm, RMSNorm.

Their parameters are small, so that gradients are written out. BatchNorm has no rule: it mixes
records, and no clipping repairs that.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from securefed.adapters.opacus_training.bookkeeping.gradients import WholeGradients
from securefed.adapters.opacus_training.bookkeeping.rules.rule import Found, constant, unchanged
from securefed.adapters.opacus_training.bookkeeping.rules.trial import answers_alike


@dataclass(frozen=True, slots=True)
class LayerNormRule:
    """y = w·x̂ + b, with x̂ normalised over the last dimensions."""

    layer: nn.LayerNorm

    @classmethod
    def of(cls, module: nn.Module) -> "LayerNormRule | None":
        """The rule, where the module is such a layer."""
        if isinstance(module, nn.LayerNorm) and unchanged(module, nn.LayerNorm):
            return cls(module)
        return None

    @property
    def dimensions(self) -> int:
        """A record and what is normalised."""
        return 1 + len(self.layer.normalized_shape)

    def apply(self, x: Tensor, /) -> Tensor:
        """The layer's own function."""
        weight, bias = constant(self.layer.weight), constant(self.layer.bias)
        return functional.layer_norm(x, self.layer.normalized_shape, weight, bias, self.layer.eps)

    def gradients(self, x: Tensor, grad: Tensor, /) -> Found:
        """Summed over the positions of a record."""
        weight, bias = self.layer.weight, self.layer.bias
        shape = self.layer.normalized_shape
        if weight.requires_grad:
            normal = functional.layer_norm(x.to(weight.dtype), shape, None, None, self.layer.eps)
            yield weight, _over_leading(grad * normal, weight)
        if bias is not None and bias.requires_grad:
            yield bias, _over_leading(grad, bias)


@dataclass(frozen=True, slots=True)
class RmsNormRule:
    """y = w·x/rms(x), over the last dimension. Language models bring their own class for it, which
    is known by its name and by trial."""

    weight: nn.Parameter
    eps: float | None

    @classmethod
    def of(cls, module: nn.Module) -> "RmsNormRule | None":
        """The rule, where the module is such a layer."""
        own = dict(module.named_parameters(recurse=False))
        if not type(module).__name__.endswith("RMSNorm") or set(own) != {"weight"}:
            return None
        eps = getattr(module, "variance_epsilon", getattr(module, "eps", None))
        rule = cls(own["weight"], eps)
        shape = (2, *rule.weight.shape)
        return rule if answers_alike(module, rule.apply, shape, rule.weight) else None

    @property
    def dimensions(self) -> int:
        """A record and its width."""
        return 2

    def apply(self, x: Tensor, /) -> Tensor:
        """In the weight's precision, as the models do, and back."""
        weight = self.weight.detach()
        normal = functional.rms_norm(x.to(weight.dtype), weight.shape, None, self.eps)
        return weight * normal.to(x.dtype)

    def gradients(self, x: Tensor, grad: Tensor, /) -> Found:
        """Summed over the positions of a record."""
        weight = self.weight
        if weight.requires_grad:
            normal = functional.rms_norm(x.to(weight.dtype), weight.shape, None, self.eps)
            yield weight, _over_leading(grad * normal, weight)


@dataclass(frozen=True, slots=True)
class GroupNormRule:
    """y = w·x̂ + b, with x̂ normalised over groups of channels."""

    layer: nn.GroupNorm

    @classmethod
    def of(cls, module: nn.Module) -> "GroupNormRule | None":
        """The rule, where the module is such a layer."""
        if isinstance(module, nn.GroupNorm) and unchanged(module, nn.GroupNorm):
            return cls(module)
        return None

    @property
    def dimensions(self) -> int:
        """A record and its channels."""
        return 2

    def apply(self, x: Tensor, /) -> Tensor:
        """The layer's own function."""
        weight, bias = constant(self.layer.weight), constant(self.layer.bias)
        return functional.group_norm(x, self.layer.num_groups, weight, bias, self.layer.eps)

    def gradients(self, x: Tensor, grad: Tensor, /) -> Found:
        """Summed over the places of an image."""
        weight, bias = self.layer.weight, self.layer.bias
        if weight.requires_grad:
            groups, eps = self.layer.num_groups, self.layer.eps
            normal = functional.group_norm(x.to(weight.dtype), groups, None, None, eps)
            yield weight, _over_places(grad * normal, weight)
        if bias.requires_grad:
            yield bias, _over_places(grad, bias)


def _over_leading(values: Tensor, parameter: Tensor) -> WholeGradients:
    summed = values.reshape(len(values), -1, *parameter.shape).sum(1, dtype=parameter.dtype)
    return WholeGradients(values=summed)


def _over_places(values: Tensor, parameter: Tensor) -> WholeGradients:
    places = values.reshape(*values.shape[:2], -1)
    return WholeGradients(values=torch.sum(places, 2, dtype=parameter.dtype))
