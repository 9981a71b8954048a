"""Runs the whole self-test on a copy of the model, and chooses the engine that passes it.

Book-keeping is tried first. Where it has no rule for a layer, Opacus' hooks are tried in the same
way, and the proof carries a notice that says why. A model that neither can do is refused with the
reason of the first.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import torch
from torch import nn

from securefed.adapters.opacus_training.batches import unit_batch
from securefed.adapters.opacus_training.bookkeeping import BookkeepingModule
from securefed.adapters.opacus_training.clipping import ClippingModule
from securefed.adapters.opacus_training.noise import StepNoise
from securefed.adapters.opacus_training.optimising import optimizer_for
from securefed.adapters.opacus_training.precision import Precision
from securefed.adapters.opacus_training.ranks import Ranks
from securefed.adapters.opacus_training.self_test.noise import measured_noise
from securefed.adapters.opacus_training.self_test.proof import Proof
from securefed.adapters.opacus_training.self_test.sensitivity import measured_sensitivity
from securefed.adapters.opacus_training.self_test.stillness import check_stillness
from securefed.adapters.opacus_training.step import Step
from securefed.adapters.opacus_training.sums import ClippedSums
from securefed.adapters.opacus_training.weights import trained_parameters
from securefed.errors import UnsupportedLayer
from securefed.recipes.recipe import Recipe

_ROWS: Final = 3


def _hooks(model: nn.Module) -> ClippingModule:
    # Loading Opacus' layers takes seconds, which a round that has no need of them would wait for.
    from securefed.adapters.opacus_training.hooks import HooksModule

    return HooksModule(model)


_ENGINES: Final[dict[str, Callable[[nn.Module], ClippingModule]]] = {
    "book-keeping": BookkeepingModule,
    "hooks": _hooks,
}


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What is to be shown: a recipe under a clip and a noise."""

    recipe: Recipe
    clip: float
    noise: StepNoise
    deviation: float
    bound: int
    device: torch.device


def proven_module(claim: Claim, model: nn.Module) -> tuple[ClippingModule, Proof]:
    """The model in the first engine that passes, and what was measured. Raises SelfTestFailed."""
    refusal: UnsupportedLayer | None = None
    for engine, wrap in _ENGINES.items():
        try:
            proof = _proof(claim, wrap, copy.deepcopy(model), engine, refusal)
            return wrap(model), proof
        except UnsupportedLayer as error:
            refusal = refusal or error
    if refusal is None:
        raise RuntimeError("there is no engine")
    raise refusal


def _proof(
    claim: Claim,
    wrap: Callable[[nn.Module], ClippingModule],
    model: nn.Module,
    engine: str,
    refusal: UnsupportedLayer | None,
) -> Proof:
    parameters = tuple(trained_parameters(model).values())
    sums = ClippedSums(
        recipe=claim.recipe,
        module=wrap(model),
        parameters=parameters,
        precision=Precision(claim.recipe.settings.precision),
    )
    rows = min(claim.bound, _ROWS)
    with TemporaryDirectory(prefix="securefed-") as name:
        folder = Path(name)
        felt = measured_sensitivity(sums, rows, claim.clip, claim.device, folder)
        heard = measured_noise(claim.noise, parameters, claim.deviation)
        _check_stillness(claim, sums, model, rows, folder)
    return Proof(
        engine=engine,
        notice=None if refusal is None else f"{engine}, because {refusal}",
        largest_contribution=felt.contribution,
        largest_removal=felt.removal,
        noise_variance=heard.variance,
        noise_samples=heard.samples,
    )


def _check_stillness(
    claim: Claim, sums: ClippedSums, model: nn.Module, rows: int, folder: Path
) -> None:
    step = Step(
        sums=sums,
        optimizer=optimizer_for(claim.recipe.settings, sums.parameters),
        noise=claim.noise,
        clip=claim.clip,
        expected_units=1.0,
        ranks=Ranks(),
    )
    batch = unit_batch(claim.recipe, claim.recipe.mock(rows, 1, folder), [rows], claim.device)
    check_stillness(model, step, batch)
