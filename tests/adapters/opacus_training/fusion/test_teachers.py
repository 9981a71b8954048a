"""One unit changes one teacher, and nobody else: what the whole accounting of votes rests on."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import Tensor, nn

from securefed.adapters.opacus_training.fusion.teachers import (
    NO_VOTE,
    Chance,
    School,
    ballots,
    counted,
    opinion_of,
    opinions,
    parts_of,
    units_of,
    voted,
)
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.public_records import ONE_EACH
from securefed.recipes.records import Records
from tests.adapters.opacus_training.fusion.voters import a_run, school_of
from tests.adapters.ordered import TYPES, columns

pytestmark = pytest.mark.slow
TEACHERS = 5


def words_of(seed: int) -> object:
    """A stream of words that gives the same again."""
    chance = np.random.default_rng(seed)
    return lambda count: chance.integers(0, 2**64, count, np.uint64)


@settings(max_examples=50, deadline=None)
@given(some.integers(1, 300), some.integers(2, 40), some.integers(0, 2**32))
def test_a_unit_more_moves_no_other(units: int, teachers: int, seed: int) -> None:
    before = parts_of(units, teachers, words_of(seed))
    after = parts_of(units + 1, teachers, words_of(seed))
    assert (after[:units] == before).all()


@settings(max_examples=50, deadline=None)
@given(some.integers(1, 300), some.integers(2, 40), some.integers(0, 2**32))
def test_each_unit_has_one_teacher(units: int, teachers: int, seed: int) -> None:
    parts = parts_of(units, teachers, words_of(seed))
    found = np.concatenate([units_of(parts, one) for one in range(teachers)])
    assert sorted(found.tolist()) == list(range(units))


def test_no_vote_is_drawn_as_another_was() -> None:
    first, second = (Chance.fresh(200, TEACHERS) for _ in range(2))
    assert not set(first.seeds) & set(second.seeds)
    assert len(set(first.seeds)) == TEACHERS
    assert (first.parts != second.parts).any()
    sizes = np.bincount(first.parts.astype(np.int64), minlength=TEACHERS)
    assert sizes.min() > 0


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[School, Records, Chance]]:
    """A school, all people of its site, and a split that does not change."""
    run = a_run(tmp_path_factory.mktemp("town"), records=60, teachers=TEACHERS)
    everybody = run.source.take(np.arange(60))
    chance = Chance.drawn(60, TEACHERS, words_of(3))
    yield school_of(run), everybody, chance
    run.source.close()


def cast(town: tuple[School, Records, Chance], kept: list[int]) -> Tensor:
    """What teachers vote for if only these people are there, each in the part it always has."""
    school, everybody, chance = town
    source = MemorySource(everybody.picked(kept), columns(TYPES), ONE_EACH)
    asked = replace(school, source=source)
    return ballots(opinions(asked, replace(chance, parts=chance.parts[kept])))


@pytest.mark.parametrize("gone", [0, 17, 59])
def test_a_unit_less_changes_the_votes_of_its_teacher_alone(
    town: tuple[School, Records, Chance], gone: int
) -> None:
    whole = cast(town, list(range(60)))
    less = cast(town, [one for one in range(60) if one != gone])
    others = [one for one in range(TEACHERS) if one != town[2].parts[gone]]
    assert (whole[others] == less[others]).all()
    moved = counted(whole, 2) - counted(less, 2)
    assert moved.norm() <= math.sqrt(2 * 50)
    assert moved.abs().max() <= 1


def test_a_teacher_that_loses_everybody_changes_nobody_else(
    town: tuple[School, Records, Chance],
) -> None:
    whole = cast(town, list(range(60)))
    less = cast(town, [one for one in range(60) if town[2].parts[one] != 2])
    assert (less[2] == NO_VOTE).all()
    assert (whole[[0, 1, 3, 4]] == less[[0, 1, 3, 4]]).all()
    assert float((counted(whole, 2) - counted(less, 2)).norm()) == math.sqrt(50)


def test_the_same_chance_makes_the_same_votes(town: tuple[School, Records, Chance]) -> None:
    everybody = list(range(60))
    assert (cast(town, everybody) == cast(town, everybody)).all()


def test_votes_are_counted_one_by_one() -> None:
    given = torch.tensor([[0, 2, NO_VOTE], [0, 1, NO_VOTE], [2, 1, 0]])
    assert counted(given, 3).tolist() == [[2, 0, 1], [0, 2, 1], [1, 0, 0]]


class _Broken(nn.Module):
    """A model whose weights have become nothing."""

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.full((len(inputs), 1), math.nan)


def test_a_teacher_that_broke_has_no_vote(town: tuple[School, Records, Chance]) -> None:
    assert (voted(opinion_of(town[0], _Broken())) == NO_VOTE).all()


def test_what_one_teacher_writes_into_its_questions_reaches_no_other(
    town: tuple[School, Records, Chance],
) -> None:
    school = town[0]

    class Scribe(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            answer = inputs.sum(1, keepdim=True)
            inputs.zero_()
            return answer

    first, second = (voted(opinion_of(school, Scribe())) for _ in range(2))
    assert len(set(first.tolist())) == 2
    assert (first == second).all()
