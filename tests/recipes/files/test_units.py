"""Of each drawn unit as many records as the bound allows, all sets of them equally likely."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from securefed.domain.privacy import PrivacyUnit
from securefed.recipes.files.grouping import Grouping, Members
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.files.source import Numbers
from securefed.recipes.files.units import Words, chosen_records
from securefed.recipes.records import Records
from tests.recipes.files.tables import COLUMNS


class Crowd(MemorySource):
    """Units with these many records, whose records lie nowhere."""

    def __init__(self, sizes: list[int], bound: int) -> None:
        empty = Records(columns={"patient": []}, folder=Path())
        super().__init__(empty, COLUMNS, PrivacyUnit(column="patient", bound=bound))
        starts = np.cumsum([0, *sizes], dtype=np.int64)
        self.all = np.arange(starts[-1], dtype=np.int64)
        self.crowd = Members(len(self.all), self.all, starts)

    def of_unit(self, unit: int) -> Numbers:
        return self.crowd.of(unit)


class Counted:
    """Words of a seed, and how many were asked for."""

    def __init__(self, seed: int) -> None:
        self._made = np.random.Generator(np.random.PCG64(seed))
        self.asked: list[int] = []

    def __call__(self, count: int) -> NDArray[np.uint64]:
        self.asked.append(count)
        return self._made.integers(0, 2**64, count, np.uint64)


def always(word: int) -> Words:
    return lambda count: np.full(count, word, np.uint64)


@pytest.mark.parametrize("seed", range(3))
def test_a_unit_within_the_bound_is_used_whole_and_costs_no_words(seed: int) -> None:
    words = Counted(seed)
    chosen = chosen_records(Crowd([1, 3, 2], bound=3), [2, 0, 1], words)
    assert [one.tolist() for one in chosen] == [[4, 5], [0], [1, 2, 3]]
    assert words.asked == []


def test_nobody_drawn_is_nothing_chosen() -> None:
    assert chosen_records(Crowd([5], bound=2), [], Counted(0)) == []


@pytest.mark.parametrize("word", [0, 2**63, 2**64 - 1])
def test_any_words_give_different_records_of_the_unit_alone(word: int) -> None:
    (first, second) = chosen_records(Crowd([9, 7], bound=4), [1, 0], always(word))
    assert len(set(first.tolist())) == len(set(second.tolist())) == 4
    assert set(first.tolist()) <= set(range(9, 16))
    assert set(second.tolist()) <= set(range(9))


def test_a_unit_of_a_million_records_costs_as_many_words_as_its_bound() -> None:
    source, words = Crowd([10**6, 3, 10**6], bound=5), Counted(0)
    chosen = chosen_records(source, [0, 1, 2], words)
    assert [len(one) for one in chosen] == [5, 3, 5]
    assert words.asked == [10]
    assert np.shares_memory(source.of_unit(0), source.all)


def test_another_unit_in_the_draw_takes_no_words_of_the_first() -> None:
    alone = chosen_records(Crowd([100, 100], bound=3), [0], Counted(4))
    beside = chosen_records(Crowd([100, 100], bound=3), [0, 1], Counted(4))
    assert alone[0].tolist() == beside[0].tolist()


# The test's statistic exceeds this once in 10⁹ for 20 classes; and for 10.
MOST_OF_20, MOST_OF_10 = 82.1, 61.4


def chi_square(counts: list[int], classes: int) -> float:
    expected = sum(counts) / classes
    padded = [*counts, *[0] * (classes - len(counts))]
    return sum((count - expected) ** 2 / expected for count in padded)


def test_every_set_is_equally_likely() -> None:
    source, words, seen = Crowd([6], bound=3), Counted(1), Counter[tuple]()
    for _ in range(200):
        seen.update(tuple(one.tolist()) for one in chosen_records(source, [0] * 50, words))
    assert chi_square(list(seen.values()), 20) < MOST_OF_20


def test_a_large_unit_is_used_in_all_its_parts() -> None:
    chosen = chosen_records(Crowd([10**6], bound=4), [0] * 3000, Counted(2))
    tenths = Counter((np.concatenate(chosen) // 10**5).tolist())
    assert chi_square(list(tenths.values()), 10) < MOST_OF_10


def test_what_is_not_uniform_is_noticed() -> None:
    # Of 6 places the last 3, slightly preferred: 3% more than the others.
    assert chi_square([515] * 10 + [485] * 10, 20) < MOST_OF_20
    assert chi_square([550] * 10 + [450] * 10, 20) > MOST_OF_20


def test_units_share_no_record_and_forget_none() -> None:
    grouping = Grouping(by_value=True)
    values = np.random.default_rng(3).integers(0, 40, 500).tolist()
    for value in values:
        grouping.add(value)
    members = grouping.members()
    taken = np.concatenate([members.of(unit) for unit in range(members.units)])
    assert sorted(taken.tolist()) == list(range(500))
    assert members.units == grouping.units == len(set(values))
    for unit in range(members.units):
        assert {values[number] for number in members.of(unit)} == {values[members.of(unit)[0]]}
        assert members.of(unit).tolist() == sorted(members.of(unit).tolist())


def test_nobody_changes_the_records_of_a_unit() -> None:
    grouping = Grouping(by_value=True)
    for value in "abab":
        grouping.add(value)
    with pytest.raises(ValueError, match="read-only"):
        grouping.members().of(0)[0] = 3
