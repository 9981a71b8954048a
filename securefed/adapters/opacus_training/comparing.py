"""What a study is compared with: the same training without noise, and one site by itself.

For published records only. Nothing here is charged, and without noise nothing is protected.
"""

from collections.abc import Sequence

import numpy as np
import torch

from securefed.adapters.opacus_training.evaluation import evaluate_public
from securefed.adapters.opacus_training.optimising import MeanOfIterates
from securefed.adapters.opacus_training.run import TrainingRun
from securefed.adapters.opacus_training.training import first_model, train
from securefed.adapters.opacus_training.weights import Weights, copied, shared_parameters
from securefed.domain.study import Participant, Study
from securefed.recipes.files.source import RecordSource
from securefed.recipes.layout import Layout, Values
from securefed.recipes.recipe import Recipe
from securefed.recipes.records import Records


class _Uncharged:
    """Published records cost nothing."""

    def before_step(self, step: int) -> None:
        """Lets the step through."""


def measured(recipe: Recipe, part: Participant, test: RecordSource, weights: Weights) -> float:
    """The accuracy of a model on held-out records."""
    run = TrainingRun(recipe=recipe, source=test, mechanism=part.training, weights=weights)
    return evaluate_public(run)["accuracy"]


def majority(test: RecordSource, target: str) -> float:
    """The accuracy of giving everybody the answer that most have."""
    answers = list(_everything(test).columns[target])
    return max(answers.count(one) for one in set(answers)) / len(answers)


def weights_of(layout: Layout, row: Values) -> Weights:
    """A row of numbers as the weights of its model."""
    return {name: torch.from_numpy(one.copy()) for name, one in layout.parts(row).items()}


def trained_alone(recipe: Recipe, part: Participant, source: RecordSource, rounds: int) -> Weights:
    """All rounds at one site, under its noise and clipping; each begins where the last ended."""
    run = TrainingRun(recipe=recipe, source=source, mechanism=part.training)
    weights = train(run, _Uncharged()).weights
    for _ in range(rounds - 1):
        again = TrainingRun(recipe=recipe, source=source, mechanism=part.training, weights=weights)
        weights = train(again, _Uncharged()).weights
    return weights


def trained_without_noise(recipe: Recipe, study: Study, sources: Sequence[RecordSource]) -> Weights:
    """The study's rounds and steps over all sites, with every record, no clipping and no noise."""
    weights = copied(shared_parameters(first_model(recipe), recipe))
    for _ in range(study.rounds):
        ends = [
            _without_noise(recipe, part, source, weights)
            for part, source in zip(study.participants, sources, strict=True)
        ]
        weights = {name: torch.stack([one[name] for one in ends]).mean(0) for name in weights}
    return weights


def _without_noise(
    recipe: Recipe, part: Participant, source: RecordSource, begin: Weights
) -> Weights:
    model = first_model(recipe)
    shared = shared_parameters(model, recipe)
    with torch.no_grad():
        for name, one in shared.items():
            one.copy_(begin[name])
    batch = recipe.collate(_everything(source))
    optimiser = torch.optim.SGD(shared.values(), lr=recipe.settings.learning_rate)
    mean = MeanOfIterates(shared)
    for _ in range(part.training.steps):
        optimiser.zero_grad()
        torch.autograd.backward(recipe.losses(model, batch).mean())
        optimiser.step()
        mean.add()
    mean.put()
    return copied(shared)


def _everything(source: RecordSource) -> Records:
    return source.take(np.arange(source.records, dtype=np.int64))
