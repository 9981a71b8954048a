"""The rule of an embedding table: only the rows that were looked up have a gradient.

A table that rescales its rows when they are read (`max_norm`) or divides gradients by how often the
whole batch uses a row (`scale_grad_by_freq`) is none that this rule knows: both mix records.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from securefed.adapters.opacus_training.bookkeeping.gradients import TableRows
from securefed.adapters.opacus_training.bookkeeping.rules.rule import Found, unchanged


@dataclass(frozen=True, slots=True)
class EmbeddingRule:
    """y = W[x]."""

    layer: nn.Embedding

    @classmethod
    def of(cls, module: nn.Module) -> "EmbeddingRule | None":
        """The rule, where the module is such a layer."""
        if not (isinstance(module, nn.Embedding) and unchanged(module, nn.Embedding)):
            return None
        mixes = module.max_norm is not None or module.scale_grad_by_freq
        return None if mixes else cls(module)

    @property
    def dimensions(self) -> int:
        """A record may be a single row number."""
        return 1

    def apply(self, x: Tensor, /) -> Tensor:
        """The rows; what a padding row's gradient is, `gradients` says."""
        return functional.embedding(x, self.layer.weight.detach())

    def gradients(self, x: Tensor, grad: Tensor, /) -> Found:
        """The looked-up rows; nothing for padding."""
        weight, padding = self.layer.weight, self.layer.padding_idx
        rows = x.reshape(len(x), -1)
        values = grad.reshape(*rows.shape, grad.shape[-1])
        if padding is not None:
            values = values.masked_fill((rows == padding).unsqueeze(2), 0)
        yield (
            weight,
            TableRows(rows=rows, values=values, parameter=weight.shape, dtype=weight.dtype),
        )
