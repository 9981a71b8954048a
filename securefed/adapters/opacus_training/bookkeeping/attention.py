"""torch's own attention layer, whose three projections are one packed parameter.

It does not call its layers but hands their weights to a function, so that it is run here step by
step: the packed projection by a rule, attention itself by torch, the last projection by its own
layer. Separate sizes for keys and values, added biases and zero tokens are not known here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from securefed.adapters.opacus_training.bookkeeping.gradients import outer_products
from securefed.adapters.opacus_training.bookkeeping.recorder import Recorder, WatchedLayer
from securefed.adapters.opacus_training.bookkeeping.rules.linear import (
    positions,
    summed_over_positions,
)
from securefed.adapters.opacus_training.bookkeeping.rules.rule import Found, constant


def is_packed_attention(module: nn.Module) -> bool:
    """Whether a module is an attention layer of the kind that is known here."""
    return (
        isinstance(module, nn.MultiheadAttention)
        and type(module).forward is nn.MultiheadAttention.forward
        and {name for name, _ in module.named_parameters(recurse=False)}
        <= {"in_proj_weight", "in_proj_bias"}
        and module.in_proj_weight is not None
        and not module.add_zero_attn
    )


@dataclass(frozen=True, slots=True)
class PackedProjection:
    """Some thirds of the packed projection: all of them where query, key and value are the same."""

    layer: nn.MultiheadAttention
    first: int
    last: int

    @property
    def dimensions(self) -> int:
        """A record, its positions and their width."""
        return 3

    def apply(self, x: Tensor, /) -> Tensor:
        """The rows of these thirds as a linear layer."""
        rows = slice(self.first * self.layer.embed_dim, self.last * self.layer.embed_dim)
        bias = constant(self.layer.in_proj_bias)
        weight = self.layer.in_proj_weight.detach()
        return functional.linear(x, weight[rows], None if bias is None else bias[rows])

    def gradients(self, x: Tensor, grad: Tensor, /) -> Found:
        """As of a linear layer, with zeros for the other thirds."""
        weight, bias, width = (
            self.layer.in_proj_weight,
            self.layer.in_proj_bias,
            self.layer.embed_dim,
        )
        full = functional.pad(grad, (self.first * width, (3 - self.last) * width))
        if weight.requires_grad:
            yield weight, outer_products(positions(full), positions(x), weight)
        if bias is not None and bias.requires_grad:
            yield bias, summed_over_positions(full, bias)


def attention_forward(
    name: str, module: nn.MultiheadAttention, recorder: Recorder
) -> Callable[..., Any]:
    """The forward that takes the place of the layer's own."""
    original = module.forward

    def project(x: Tensor, first: int, last: int) -> Tensor:
        rule = PackedProjection(module, first, last)
        return recorder.run(WatchedLayer(name=name, rule=rule), x)

    def forward(
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        if not recorder.listening:
            return original(
                *(query, key, value, key_padding_mask, need_weights, attn_mask),
                average_attn_weights=average_attn_weights,
                is_causal=is_causal,
            )
        if query is key is value:
            thirds = list(project(_records_first(module, query), 0, 3).chunk(3, dim=-1))
        else:
            inputs = [_records_first(module, x) for x in (query, key, value)]
            thirds = [project(x, i, i + 1) for i, x in enumerate(inputs)]
        mask = _mask(attn_mask, key_padding_mask, module.num_heads, thirds[0].dtype)
        mixed, weights = _attend(module, [_by_head(x, module.num_heads) for x in thirds], mask)
        answer = module.out_proj(mixed.transpose(1, 2).flatten(2))
        answer = answer if module.batch_first else answer.transpose(0, 1)
        shown = weights.mean(1) if average_attn_weights else weights
        return answer, shown if need_weights else None

    return forward


def _records_first(module: nn.MultiheadAttention, x: Tensor) -> Tensor:
    return x if module.batch_first or x.dim() < 3 else x.transpose(0, 1)


def _by_head(x: Tensor, heads: int) -> Tensor:
    return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)


def _attend(
    module: nn.MultiheadAttention, parts: list[Tensor], mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    query, key, value = parts
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    weights = torch.softmax(scores if mask is None else scores + mask, dim=-1)
    weights = functional.dropout(weights, module.dropout, module.training)
    return weights @ value, weights


def _mask(
    attention: Tensor | None, padding: Tensor | None, heads: int, dtype: torch.dtype
) -> Tensor | None:
    """Both masks as numbers to add to [records, heads, positions, positions]."""
    if attention is not None:
        attention = _as_numbers(attention, dtype)
        if attention.dim() == 3:
            attention = attention.reshape(-1, heads, *attention.shape[1:])
    if padding is None:
        return attention
    padding = _as_numbers(padding, dtype)[:, None, None, :]
    return padding if attention is None else attention + padding


def _as_numbers(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """A mask of truth values forbids what is true."""
    if mask.dtype is not torch.bool:
        return mask.to(dtype)
    return torch.zeros_like(mask, dtype=dtype).masked_fill(mask, -math.inf)
