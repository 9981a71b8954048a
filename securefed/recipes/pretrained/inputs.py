"""What a transformers model is called with besides tokens and mask.

Opacus' hooks want every tensor to have the records as its first dimension, so positions and token
types are given for each record where a model would make one row of its own for all.
"""

from typing import Any

import torch
from torch import Tensor

# Kinds whose positions are counted from zero. Others count in their own way and are left to it.
_COUNTED_FROM_ZERO = frozenset(
    {"bert", "distilbert", "electra", "gpt2", "llama", "mistral", "qwen2", "qwen3"}
)
_WITH_TOKEN_TYPES = frozenset({"bert", "electra"})


def model_inputs(config: Any, tokens: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """The named inputs of a model with this configuration."""
    inputs = {"input_ids": tokens, "attention_mask": mask}
    if config.model_type in _COUNTED_FROM_ZERO:
        inputs["position_ids"] = _positions(tokens)
    if config.model_type in _WITH_TOKEN_TYPES:
        inputs["token_type_ids"] = torch.zeros_like(tokens)
    return inputs


def _positions(tokens: Tensor) -> Tensor:
    return torch.arange(tokens.shape[1], device=tokens.device).expand(tokens.shape).contiguous()
