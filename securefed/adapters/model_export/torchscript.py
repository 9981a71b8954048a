"""A model as TorchScript, which torch runs without the recipe's code.

It is traced on one call: what depends on a record's value, and not on tensors alone, would be fixed
to that call's. The comparison on another call finds that.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from securefed.adapters.model_export.calls import Call
from securefed.errors import ModelUnusable

FILE: Final = "model.ts"
# Without types, and on its way out of torch, where nothing else needs no code to run.
_JIT: Any = torch.jit


def write_torchscript(model: nn.Module, folder: Path, calls: Sequence[Call]) -> None:
    """Writes and compares."""
    path = folder / FILE
    # What tracing warns of is what the comparison looks for.
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            _JIT.save(_JIT.trace(model, calls[0].tensors, check_trace=False), str(path))
            again = _JIT.load(str(path))
            for call in calls:
                call.expect(again(*call.tensors), "TorchScript")
        except (RuntimeError, TypeError, ValueError) as error:
            raise ModelUnusable(
                f"The model cannot be written as TorchScript: {type(error).__name__}"
            ) from error
