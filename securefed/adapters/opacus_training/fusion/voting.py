"""A site's vote: what is public is checked, the self-test is made, the step is charged, and then
teachers learn, vote, and their counts are noised.

Promises that no private record is read before the step is charged, and that what is said to have
run is made from the numbers that were used.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from securefed.adapters.opacus_training.devices import device_named
from securefed.adapters.opacus_training.fusion.release import Noising
from securefed.adapters.opacus_training.fusion.self_test import VoteClaim, proven_votes
from securefed.adapters.opacus_training.fusion.teachers import (
    Chance,
    School,
    ballots,
    counted,
    opinions,
)
from securefed.adapters.opacus_training.run import StepGate
from securefed.adapters.opacus_training.self_test import Proof
from securefed.domain.fusion import Fusion
from securefed.domain.privacy import DpSgd
from securefed.errors import ConfigInvalid, LossUnusable, TrainingFailed, UnsupportedLayer
from securefed.recipes.files.source import RecordSource
from securefed.recipes.fit import check_fit
from securefed.recipes.layout import Values
from securefed.recipes.public_records import check_same_columns, check_voting
from securefed.recipes.recipe import Recipe
from securefed.recipes.records import Records


@dataclass(frozen=True, kw_only=True)
class VoteRun:
    """What one attempt votes with: the teachers' recipe, the site's records, the public ones."""

    recipe: Recipe
    fusion: Fusion
    step: DpSgd
    source: RecordSource
    queries: Records
    device: str | None = None
    on_step: Callable[[int], None] = field(default=lambda _: None)


@dataclass(frozen=True, kw_only=True)
class Voted:
    """The noised counts, and what was run."""

    values: Values
    executed: DpSgd
    proof: Proof


def vote(run: VoteRun, gate: StepGate) -> Voted:
    """The site's vote, or an error and nothing that leaves."""
    fusion, source, device = run.fusion, run.source, device_named(run.device)
    check_fit(run.recipe, source.columns)
    check_same_columns(fusion, source.columns)
    check_voting(run.recipe, fusion, run.queries)
    if source.units < fusion.teachers:
        raise ConfigInvalid(f"{source.units} units are too few for {fusion.teachers} teachers")
    claim = VoteClaim(recipe=run.recipe, fusion=fusion, step=run.step, device=device)
    proof = proven_votes(claim)
    noising = Noising.fresh(fusion, run.step, source.units)
    chance = Chance.fresh(source.units, fusion.teachers)
    school = School.opened(run.recipe, source, fusion, run.queries, device)
    gate.before_step(1)
    try:
        counts = counted(ballots(opinions(school, chance)), len(fusion.classes))
    except (LossUnusable, UnsupportedLayer) as error:
        # Which of the two would tell something of the records: on made-up ones neither came.
        raise TrainingFailed("The model is not the one that was tested any more") from error
    run.on_step(1)
    return Voted(values=noising.released(counts), executed=noising.numbers.executed(1), proof=proof)
