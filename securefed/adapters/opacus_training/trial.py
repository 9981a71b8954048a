"""A whole study at one site, on its mock: what a data scientist runs before asking anybody.

The engine, the self-test, the sampling, the noise and the clipping are the real ones; the records
are made up, so nothing is charged and metrics are also shown without noise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from torch import nn

from securefed.adapters.opacus_training.controlling import check_controlled
from securefed.adapters.opacus_training.evaluation import check_tally, evaluate, evaluate_public
from securefed.adapters.opacus_training.run import TrainingRun
from securefed.adapters.opacus_training.self_test import Proof
from securefed.adapters.opacus_training.training import first_model, train
from securefed.adapters.opacus_training.weights import Weights, shared_parameters
from securefed.domain.study import Model, Participant, Study
from securefed.errors import ConfigInvalid, ModelUnusable
from securefed.recipes.files.source import RecordSource
from securefed.recipes.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What came out: metrics before and after, noised ones as a site would release them."""

    before: Mapping[str, float]
    after: Mapping[str, float]
    released: Mapping[str, float] | None
    proof: Proof


class _Uncharged:
    """Made-up records cost nothing."""

    def before_step(self, step: int) -> None:
        """Lets the step through."""


def try_study(
    study: Study,
    part: Participant,
    recipe: Recipe,
    mock: RecordSource,
    on_step: Callable[[int], None],
) -> Tried:
    """Trains every round at one site, each beginning where the one before ended."""
    first = TrainingRun(
        recipe=recipe,
        source=mock,
        mechanism=part.training,
        proximal=study.combining.proximal,
    )
    check_model(study.model, recipe)
    check_tally(study.sealing.tally, recipe, first_model(recipe))
    if study.combining.control:
        # At one site alone nothing drifts: there is no correction, but what it needs is checked.
        check_controlled(recipe.settings)
    before = evaluate_public(first)
    _check_stop(study, before)
    run, proof, done = first, None, 0
    for number in range(1, study.rounds + 1):
        factor = study.combining.site_factor(number, study.rounds)
        one = replace(_counted(run, done, on_step), rate_factor=factor)
        trained = train(one, _Uncharged())
        run, proof = _following(run, trained.weights, trained.kept), trained.proof
        done += part.training.steps
    if proof is None:
        raise ValueError("a study has at least one round")
    released = None if part.metrics is None else evaluate(run, part.metrics).metrics
    return Tried(before=before, after=evaluate_public(run), released=released, proof=proof)


def check_model(stated: Model, recipe: Recipe) -> nn.Module:
    """The recipe's model as everybody begins with it. Raises ModelUnusable where it is not the one
    that the study states."""
    model = first_model(recipe)
    trained = sum(one.numel() for one in shared_parameters(model, recipe).values())
    if trained != stated.parameters:
        raise ModelUnusable(
            f"The recipe trains {trained} parameters, and the study states {stated.parameters}",
            where="model.parameters",
            hint=f"Write parameters = {trained} where that is the model you mean.",
        )
    if recipe.family != stated.family:
        raise ModelUnusable(
            f"The recipe's model family is {recipe.family!r}, and the study states "
            f"{stated.family!r}",
            where="model.family",
            hint=f'Write family = "{recipe.family}" where that is the model you mean.',
        )
    return model


def _check_stop(study: Study, metrics: Mapping[str, float]) -> None:
    """A name that no recipe releases would never end the study."""
    stop = study.combining.stop
    if stop is not None and stop.metric not in metrics:
        raise ConfigInvalid(
            f"The recipe has no metric {stop.metric!r}; it has {', '.join(sorted(metrics))}",
            where="combining.stop.metric",
        )


def _counted(run: TrainingRun, done: int, on_step: Callable[[int], None]) -> TrainingRun:
    return replace(run, on_step=lambda step: on_step(done + step))


def _following(run: TrainingRun, weights: Weights, kept: Weights) -> TrainingRun:
    return replace(run, weights=weights, kept=kept)
