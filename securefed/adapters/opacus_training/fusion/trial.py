"""A whole vote at one site, on its mock, and the student of it: what a data scientist runs before
asking anybody.

Split, teachers, self-test and noise are the real ones; the records are made up, so nothing is
charged. Other sites' votes are missing, so the student is worse than that of them all.
"""

from collections.abc import Callable

from securefed.adapters.opacus_training.evaluation import evaluate_public
from securefed.adapters.opacus_training.fusion.student import student_of
from securefed.adapters.opacus_training.fusion.voting import VoteRun, vote
from securefed.adapters.opacus_training.run import TrainingRun
from securefed.adapters.opacus_training.trial import Tried
from securefed.aggregation.answers import answers_of, noise_of_mean
from securefed.domain.fusion import Fusion
from securefed.domain.study import Participant
from securefed.recipes.files.source import RecordSource
from securefed.recipes.recipe import Recipe
from securefed.recipes.records import Records


class _Uncharged:
    """Made-up records cost nothing."""

    def before_step(self, step: int) -> None:
        """Lets the step through."""


def try_fusion(
    fusion: Fusion,
    part: Participant,
    recipe: Recipe,
    mock: RecordSource,
    queries: Records,
    on_step: Callable[[int], None],
) -> Tried:
    """The vote of one site, and its student's metrics on the mock."""
    run = VoteRun(
        recipe=recipe,
        fusion=fusion,
        step=part.training,
        source=mock,
        queries=queries,
        on_step=on_step,
    )
    voted = vote(run, _Uncharged())
    noise = noise_of_mean([part.training])
    answers = answers_of(voted.values, len(fusion.classes), noise)
    before = TrainingRun(recipe=recipe, source=mock, mechanism=part.training)
    weights = student_of(recipe, fusion, queries, answers.labels)
    after = TrainingRun(recipe=recipe, source=mock, mechanism=part.training, weights=weights)
    return Tried(
        before=evaluate_public(before),
        after=evaluate_public(after),
        released=None,
        proof=voted.proof,
    )
