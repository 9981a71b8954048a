"""What a study is compared with: the same training without noise, and one site by itself.

For published records only. Nothing here is charged, and without noise nothing is protected. The
engine is the one that sites run, and sites are combined as in the study, without a seal.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import torch

from securefed.adapters.opacus_training.evaluation import evaluate_public
from securefed.adapters.opacus_training.run import TrainingRun
from securefed.adapters.opacus_training.training import first_model, train
from securefed.adapters.opacus_training.weights import Weights, copied, shared_parameters
from securefed.aggregation.combining import ServerStep, first_state
from securefed.aggregation.grid import Floats
from securefed.aggregation.plain_update import Weighed, weighted_mean
from securefed.domain.identifiers import SiteId
from securefed.domain.privacy import DpSgd
from securefed.domain.study import Participant, Study
from securefed.recipes.files.source import RecordSource
from securefed.recipes.layout import Layout, Values, row_bytes
from securefed.recipes.recipe import Recipe

# Their product is below the last digits of float32, and no gradient reaches the clip.
_NO_NOISE, _NO_CLIP = Decimal("1e-12"), Decimal("1e6")


class _Uncharged:
    """Published records cost nothing."""

    def before_step(self, step: int) -> None:
        """Lets the step through."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A model, and what stays of it at each site."""

    weights: Weights
    kept: Mapping[SiteId, Weights]


def metrics_of(
    recipe: Recipe, part: Participant, test: RecordSource, weights: Weights
) -> Mapping[str, float]:
    """The metrics of a model on held-out records."""
    run = TrainingRun(recipe=recipe, source=test, mechanism=part.training, weights=weights)
    return evaluate_public(run)


def majority(test: RecordSource, target: str) -> float:
    """The accuracy of giving everybody the answer that most have."""
    everything = test.take(np.arange(test.records, dtype=np.int64))
    answers = list(everything.columns[target])
    return max(answers.count(one) for one in set(answers)) / len(answers)


def weights_of(layout: Layout, row: Values) -> Weights:
    """A row of numbers as the weights of its model."""
    return {name: torch.from_numpy(one.copy()) for name, one in layout.parts(row).items()}


def trained_alone(recipe: Recipe, part: Participant, source: RecordSource, rounds: int) -> Ended:
    """All rounds at one site, under its noise and clipping; each begins where the last ended."""
    run = TrainingRun(recipe=recipe, source=source, mechanism=part.training)
    trained = train(run, _Uncharged())
    for _ in range(rounds - 1):
        again = replace(run, weights=trained.weights, kept=trained.kept)
        trained = train(again, _Uncharged())
    return Ended(weights=trained.weights, kept={part.site: trained.kept})


def plain_mean(_round: int, updates: Mapping[SiteId, Weighed]) -> Floats:
    """The mean of updates as it would be opened, without a seal."""
    return weighted_mean(list(updates.values()))


def trained_together(
    recipe: Recipe,
    study: Study,
    sources: Mapping[SiteId, RecordSource],
    *,
    noise: bool,
    mean: Callable[[int, Mapping[SiteId, Weighed]], Floats] = plain_mean,
) -> Ended:
    """The study's rounds over all its sites; without noise also without clipping. `mean` is given
    a round's number and updates."""
    first = copied(shared_parameters(first_model(recipe), recipe))
    layout, server = Layout.of(first), study.combining.server
    state = first_state(server, layout.digest, _row(layout, first))
    kept: dict[SiteId, Weights] = {}
    for number in range(1, study.rounds + 1):
        updates: dict[SiteId, Weighed] = {}
        for site in study.sites_of(number):
            training = study.participant(site).training
            run = TrainingRun(
                recipe=recipe,
                source=sources[site],
                mechanism=training if noise else _bare(training),
                weights=weights_of(layout, state.weights),
                kept=kept.get(site),
                proximal=study.combining.proximal,
            )
            trained = train(run, _Uncharged())
            kept[site] = trained.kept
            update = _row(layout, trained.weights) - state.weights
            weight = study.sealing.weighting.weight(sources[site].units)
            updates[site] = (row_bytes(update), weight)
        factor = study.combining.schedule.factor(number, study.rounds)
        step = ServerStep(server, state, factor=factor)
        step.add(slice(0, layout.parameters), mean(number, updates))
        step.finish()
    return Ended(weights=weights_of(layout, state.weights), kept=kept)


def _row(layout: Layout, weights: Weights) -> Values:
    return layout.flat({name: one.numpy() for name, one in weights.items()})


def _bare(training: DpSgd) -> DpSgd:
    return replace(training, noise_multiplier=_NO_NOISE, clip=_NO_CLIP)
