"""How a recipe calls its model: the tensors of made-up records, by the names of its inputs.

Every form of a model is written from such a call and compared on such calls. Promises that the
calls differ in how many records there are and, where records differ in length, in that as well: a
form that knows one size only is found out.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import torch
from torch import Tensor, nn

from securefed.errors import ModelUnusable
from securefed.recipes.recipe import Batch, Recipe

_FIRST, _OTHERS = 4, 7
_TRIES: Final = range(1, 6)
# Far above what another order of sums changes, and below what a score is read to.
_RELATIVE, _ABSOLUTE = 1e-3, 1e-4


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call's inputs by name, in order, and what the model answers."""

    inputs: Mapping[str, Tensor]
    answer: Tensor

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The inputs in order."""
        return tuple(self.inputs.values())

    def expect(self, found: Tensor, form: str) -> None:
        """Refuses an answer that is not the model's."""
        if found.shape != self.answer.shape:
            raise ModelUnusable(f"As {form} the model answers in another shape")
        if not torch.allclose(found, self.answer, _RELATIVE, _ABSOLUTE, equal_nan=True):
            off = float((found - self.answer).abs().max())
            raise ModelUnusable(f"As {form} the model answers differently, by {off:.2g}")


def calls_of(recipe: Recipe, model: nn.Module) -> tuple[Call, Call]:
    """Two calls that differ in as many sizes as there are."""
    model.eval()
    with torch.no_grad(), TemporaryDirectory(prefix="securefed-") as folder:
        first = _call(recipe, model, _FIRST, 0, Path(folder))
        others = [_call(recipe, model, _OTHERS, seed, Path(folder)) for seed in _TRIES]
        return first, max(others, key=lambda one: len(differing(first, one)))


def differing(one: Call, other: Call) -> set[tuple[str, int]]:
    """The inputs' dimensions in which two calls have other sizes."""
    return {
        (name, place)
        for name, tensor in one.inputs.items()
        for place, size in enumerate(tensor.shape)
        if size != other.inputs[name].shape[place]
    }


def _call(recipe: Recipe, model: nn.Module, records: int, seed: int, folder: Path) -> Call:
    here = folder / str(seed)
    here.mkdir()
    batch = dict(recipe.collate(recipe.mock(records, seed, here)))
    # As the engine gives them: each record is a unit of its own.
    batch |= {"unit": torch.arange(records), "weight": torch.ones(records)}
    return _recorded(recipe, model, batch)


def _recorded(recipe: Recipe, model: nn.Module, batch: Batch) -> Call:
    seen: list[Call] = []

    def forward(*given: Any, **named: Any) -> Any:
        answer = model(*given, **named)
        inputs = inspect.signature(model.forward).bind(*given, **named).arguments
        if not isinstance(answer, Tensor) or not all(
            isinstance(one, Tensor) for one in inputs.values()
        ):
            raise ModelUnusable(
                "The model is called with more than tensors, so it can be written for its own "
                "recipe only",
                hint="Export it with --format safetensors.",
            )
        seen.append(Call(inputs=inputs, answer=answer))
        return answer

    recipe.tallies(forward, batch)
    return seen[0]
