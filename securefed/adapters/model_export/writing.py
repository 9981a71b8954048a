"""Which form is written how, and what no form but safetensors can hold."""

from pathlib import Path

from torch import nn

from securefed.adapters.model_export.calls import calls_of
from securefed.adapters.model_export.onnx_file import write_onnx
from securefed.adapters.model_export.torchscript import write_torchscript
from securefed.adapters.model_export.transformers_folder import write_transformers
from securefed.domain.exported import Format
from securefed.errors import ModelUnusable
from securefed.recipes.recipe import Recipe
from securefed.recipes.text.networks import PooledClassifier


def write_checked(form: Format, recipe: Recipe, model: nn.Module, folder: Path) -> None:
    """Writes the model into a folder that is there, reads it again, and compares."""
    if recipe.kept:
        raise ModelUnusable(
            f"A part of the model never leaves the sites: {', '.join(sorted(recipe.kept))}",
            hint="Export what does leave with --format safetensors.",
        )
    if isinstance(model, PooledClassifier):
        model.keep_nothing()
    calls = calls_of(recipe, model)
    match form:
        case Format.TRANSFORMERS:
            write_transformers(recipe, model, folder, calls)
        case Format.TORCHSCRIPT:
            write_torchscript(model, folder, calls)
        case Format.ONNX:
            write_onnx(model, folder, calls)
        case Format.SAFETENSORS:
            raise ValueError("weights by name need no model")
