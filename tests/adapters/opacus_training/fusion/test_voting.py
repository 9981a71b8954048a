"""A site's vote behind its walls: charged before a record is read, and told as it was."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from securefed.adapters.opacus_training.fusion.release import votes_layout
from securefed.adapters.opacus_training.fusion.student import student_of
from securefed.adapters.opacus_training.fusion.voting import VoteRun, vote
from securefed.adapters.opacus_training.round_in_walls import RoundsInWalls
from securefed.aggregation.answers import answers_of, noise_of_mean
from securefed.domain.canonical import digest_of
from securefed.domain.identifiers import Digest, Name
from securefed.domain.records import from_bytes
from securefed.domain.run_order import ABOUT, UPDATE, AboutUpdate
from securefed.domain.site import ColumnType
from securefed.errors import (
    AssetMismatch,
    ConfigInvalid,
    NotFound,
    RunCancelled,
    SecurefedError,
)
from securefed.recipes.files.source import Numbers, RecordSource
from securefed.recipes.public_records import public_records
from securefed.recipes.records import Records
from tests.adapters.opacus_training.fusion.voters import (
    a_fusion,
    a_recipe,
    a_run,
    a_vote_order,
)
from tests.adapters.opacus_training.plain import CountingGate
from tests.adapters.opacus_training.test_round_in_walls import Line as SiteLine
from tests.adapters.opacus_training.test_round_in_walls import done, failure, line, rounds
from tests.adapters.ordered import row_of

__all__ = ["line", "rounds"]
pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path: Path) -> Iterator[VoteRun]:
    made = a_run(tmp_path, noise="0.3")
    yield made
    made.source.close()


class _Reading:
    """A source that says what was read, and when."""

    def __init__(self, source: RecordSource, told: Callable[[int], None]) -> None:
        self._source, self._told = source, told

    def __getattr__(self, name: str) -> object:
        return getattr(self._source, name)

    def take(self, numbers: Numbers) -> Records:
        self._told(len(numbers))
        return self._source.take(numbers)


class _Shut:
    """A ledger that charges nothing more."""

    def before_step(self, step: int) -> None:
        raise RunCancelled("Nothing is left")


def test_no_record_is_read_before_the_step_is_charged(run: VoteRun) -> None:
    read: list[int] = []
    watched = replace(run, source=_Reading(run.source, read.append))
    with pytest.raises(RunCancelled):
        vote(watched, _Shut())
    assert read == []
    gate = CountingGate()
    voted = vote(watched, gate)
    assert gate.passed == [1]
    assert sum(read) == run.fusion.epochs * run.source.records
    assert voted.executed == run.step


def test_the_student_of_a_vote_beats_whoever_says_the_same_to_all(tmp_path: Path) -> None:
    run = a_run(tmp_path, noise="0.3", records=300, teachers=15)
    voted = vote(run, CountingGate())
    answers = answers_of(voted.values, 2, noise_of_mean([run.step]))
    weights = student_of(run.recipe, run.fusion, run.queries, answers.labels, "cpu")
    ages = run.queries.columns["age"]
    old = np.array([int(str(age)) > 55 for age in ages])
    assert (answers.labels == old).mean() > 0.75
    assert 0 < answers.clear < 50
    # Inputs are by name: age, then the two sexes.
    assert weights["weight"][0, 0] > 3 * abs(float(weights["weight"][0, 1]))
    run.source.close()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"digest": digest_of("dataset", b"other")}, AssetMismatch),
        ({"records": 49}, ConfigInvalid),
        ({"queries": "missing.csv"}, SecurefedError),
    ],
)
def test_other_public_records_are_refused(
    tmp_path: Path, changes: dict[str, object], error: type[SecurefedError]
) -> None:
    fusion = replace(a_fusion(tmp_path), **changes)
    with pytest.raises(error):
        public_records(fusion, tmp_path)


def test_public_records_without_a_folder_are_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"public\.csv"):
        public_records(a_fusion(tmp_path), None)


def test_what_does_not_fit_is_said_before_anything_is_charged(tmp_path: Path, run: VoteRun) -> None:
    few = replace(run, fusion=replace(run.fusion, teachers=121))
    with pytest.raises(ConfigInvalid, match="120 units are too few"):
        vote(few, _Shut())
    columns = tuple(
        replace(one, type=ColumnType.DECIMAL) if one.name == "age" else one
        for one in run.fusion.columns
    )
    other = replace(run, fusion=replace(run.fusion, columns=columns))
    with pytest.raises(ConfigInvalid, match="'age'"):
        vote(other, _Shut())
    classes = replace(run.fusion, columns=run.fusion.columns[::2])
    with pytest.raises(ConfigInvalid, match="'sex'"):
        vote(replace(run, fusion=classes), _Shut())


def test_a_vote_in_walls_makes_an_update_and_nothing_else(
    line: SiteLine, rounds: RoundsInWalls, tmp_path: Path
) -> None:
    fusion = a_fusion(tmp_path)
    order = a_vote_order(tmp_path, fusion)
    executed, files = done(line, rounds, order)
    assert files == (UPDATE, ABOUT)
    assert set(line.files()) == {UPDATE, ABOUT}
    assert line.steps == [1]
    assert executed.training == order.training
    about = from_bytes(AboutUpdate, line.files()[ABOUT])
    assert about == AboutUpdate(layout=votes_layout(fusion).digest, parameters=100)
    values = row_of(line.files()[UPDATE])
    assert values.size == fusion.answers
    # 5 teachers, noise of 10: whole counts would say that there was none.
    assert (values != values.round()).any()
    assert np.abs(values).max() < 5 + 8 * 10


def test_own_code_votes_too(line: SiteLine, rounds: RoundsInWalls, tmp_path: Path) -> None:
    from securefed.domain.run_order import OWN_CODE
    from tests.recipes.stated import stated

    own = b"""
import torch
def model(): return torch.nn.Linear(1, 1)
def collate(records):
    ages = [float(age) for age in records.columns["age"]]
    ill = [float(ill) for ill in records.columns["ill"]]
    return {"x": (torch.tensor(ages).unsqueeze(1) - 55) / 20, "y": torch.tensor(ill)}
def losses(model, batch):
    return torch.nn.functional.binary_cross_entropy_with_logits(
        model(batch["x"]).squeeze(1), batch["y"], reduction="none")
def mock(records, seed):
    ages = [20 + (7 * i + seed) % 70 for i in range(records)]
    return {"age": ages, "ill": [age > 55 for age in ages], "sex": ["f"] * records}
"""
    (line.given / OWN_CODE).write_bytes(own)
    recipe = stated("own-code", {"columns": "age,ill,sex"}, own_code=own)
    order = a_vote_order(tmp_path, a_fusion(tmp_path))
    executed, files = done(line, rounds, replace(order, recipe=recipe, given=(OWN_CODE,)))
    assert files == (UPDATE, ABOUT)
    assert executed.own_code == recipe.own_code


@pytest.mark.parametrize(
    "changes",
    [{"digest": Digest("sha256:" + "0" * 64)}, {"teachers": 500}],
)
def test_a_vote_that_cannot_be_leaves_a_code(
    line: SiteLine, rounds: RoundsInWalls, tmp_path: Path, changes: dict[str, object]
) -> None:
    fusion = replace(a_fusion(tmp_path), **changes)
    said = failure(line, rounds, a_vote_order(tmp_path, fusion))
    assert said in {Name("asset-mismatch"), Name("config-invalid")}
    assert line.steps == []


def test_a_step_too_small_for_its_votes_never_runs(
    line: SiteLine, rounds: RoundsInWalls, tmp_path: Path
) -> None:
    """Even where a site orders it: the walls check once more."""
    order = a_vote_order(tmp_path, a_fusion(tmp_path))
    small = replace(order, training=replace(order.training, clip=order.training.clip - 1))
    assert failure(line, rounds, small) == Name("config-invalid")
    assert line.steps == []


def test_a_recipe_reads_the_public_records_as_its_own(tmp_path: Path) -> None:
    records = public_records(a_fusion(tmp_path), tmp_path)
    assert set(records.columns) == {"age", "sex"}
    assert len(records) == 50
    assert {need.name for need in a_recipe().needs()} == {"age", "sex", "ill"}
