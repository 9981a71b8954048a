"""A model as ONNX, compared with what ONNX Runtime answers.

Sizes that differ between two calls stay open: the number of records, and how long texts are.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch
from torch import nn

from securefed.adapters.model_export.calls import Call, differing
from securefed.errors import ModelUnusable

FILE: Final = "model.onnx"
_OUTPUT: Final = "scores"


def write_onnx(model: nn.Module, folder: Path, calls: Sequence[Call]) -> None:
    """Writes and compares."""
    path = folder / FILE
    try:
        # The package is optional, and what it raises of its own is no RuntimeError.
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as own
    except ImportError:
        raise ModelUnusable("onnx is not installed", hint="Install securefed[onnx].") from None
    refusals = (own.Fail, own.InvalidArgument, own.InvalidGraph, own.RuntimeException)
    with _calm(), torch.no_grad():
        try:
            _write(model, path, *calls)
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            for call in calls:
                named = {name: one.numpy() for name, one in call.inputs.items()}
                call.expect(torch.from_numpy(session.run([_OUTPUT], named)[0]), "ONNX")
        except (RuntimeError, TypeError, ValueError, *refusals) as error:
            raise ModelUnusable(
                f"The model cannot be written as ONNX: {type(error).__name__}"
            ) from error


def _write(model: nn.Module, path: Path, first: Call, other: Call) -> None:
    open_sizes = differing(first, other)
    torch.onnx.export(
        model,
        first.tensors,
        str(path),
        input_names=list(first.inputs),
        output_names=[_OUTPUT],
        dynamic_shapes=tuple(
            {
                place: torch.export.Dim.DYNAMIC
                for place in range(tensor.dim())
                if (name, place) in open_sizes
            }
            for name, tensor in first.inputs.items()
        ),
        dynamo=True,
        external_data=False,
        verbose=False,
    )


@contextmanager
def _calm() -> Iterator[None]:
    """What the exporter warns of is what the comparison looks for."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
