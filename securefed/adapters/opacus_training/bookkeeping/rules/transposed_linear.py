"""The rule of GPT-2's `Conv1D`: a linear layer that stores its matrix the other way round.

It is recognised by its name and form, and by trial: on two rows it must answer x·W + b.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.bookkeeping.gradients import outer_products
from securefed.adapters.opacus_training.bookkeeping.rules.linear import (
    positions,
    summed_over_positions,
)
from securefed.adapters.opacus_training.bookkeeping.rules.rule import Found
from securefed.adapters.opacus_training.bookkeeping.rules.trial import answers_alike


@dataclass(frozen=True, slots=True)
class TransposedLinearRule:
    """y = x·W + b."""

    weight: nn.Parameter
    bias: nn.Parameter

    @classmethod
    def of(cls, module: nn.Module) -> "TransposedLinearRule | None":
        """The rule, where the module is such a layer."""
        own = dict(module.named_parameters(recurse=False))
        if type(module).__name__ != "Conv1D" or set(own) != {"weight", "bias"}:
            return None
        rule = cls(own["weight"], own["bias"])
        inputs = rule.weight.shape[0]
        return rule if answers_alike(module, rule.apply, (2, inputs), rule.weight) else None

    @property
    def dimensions(self) -> int:
        """A record and its width."""
        return 2

    def apply(self, x: Tensor, /) -> Tensor:
        """The matrix product, on rows."""
        rows = torch.addmm(self.bias.detach(), x.reshape(-1, x.shape[-1]), self.weight.detach())
        return rows.view(*x.shape[:-1], -1)

    def gradients(self, x: Tensor, grad: Tensor, /) -> Found:
        """As of a linear layer, with the two sides exchanged."""
        if self.weight.requires_grad:
            yield self.weight, outer_products(positions(x), positions(grad), self.weight)
        if self.bias.requires_grad:
            yield self.bias, summed_over_positions(grad, self.bias)
