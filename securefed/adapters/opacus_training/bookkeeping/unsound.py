"""What no way of clipping repairs: layers that mix records, weights too coarse to carry noise."""

import torch
from torch import nn

from securefed.errors import UnsupportedLayer

_MIXING = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_FINE = {torch.float32, torch.float64}


def refuse_unsound(model: nn.Module) -> None:
    """Refuses such a model by the name of its part. What it does not find by type, the self-test
    finds by measuring."""
    for name, module in model.named_modules():
        if isinstance(module, _MIXING):
            raise UnsupportedLayer(
                "batch normalisation computes each record from the others",
                where=name,
                hint="Replace it with GroupNorm; Opacus' ModuleValidator.fix does that.",
            )
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and parameter.dtype not in _FINE:
            raise UnsupportedLayer(
                f"its weights are {parameter.dtype}, and noise would be rounded to that",
                where=name,
                hint="Keep the weights in float32 and use autocast.",
            )
