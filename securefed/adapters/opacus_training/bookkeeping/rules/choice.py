"""Which rule a module has: the first that knows it, or none."""

from torch import nn

from securefed.adapters.opacus_training.bookkeeping.rules.convolution import ConvolutionRule
from securefed.adapters.opacus_training.bookkeeping.rules.embedding import EmbeddingRule
from securefed.adapters.opacus_training.bookkeeping.rules.linear import LinearRule
from securefed.adapters.opacus_training.bookkeeping.rules.normalisation import (
    GroupNormRule,
    LayerNormRule,
    RmsNormRule,
)
from securefed.adapters.opacus_training.bookkeeping.rules.rule import LayerRule
from securefed.adapters.opacus_training.bookkeeping.rules.transposed_linear import (
    TransposedLinearRule,
)

_RULES = (
    LinearRule,
    EmbeddingRule,
    LayerNormRule,
    ConvolutionRule,
    GroupNormRule,
    TransposedLinearRule,
    RmsNormRule,
)


def rule_for(module: nn.Module) -> LayerRule | None:
    """The rule of a module, or None where no rule describes it."""
    for rule in _RULES:
        found = rule.of(module)
        if found is not None:
            return found
    return None
