"""Schedules are exact at their ends, stay between, and depend on the round alone."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.schedule import Constant, Cosine, Course, Schedule, Steps
from securefed.errors import NumberInvalid

finals = st.decimals("0.001", 1, places=3)
courses = st.one_of(
    st.just(Constant()),
    st.builds(Cosine, final=finals),
    st.builds(Steps, final=finals, times=st.integers(1, 9)),
)


def final_of(course: Course) -> float:
    return 1.0 if isinstance(course, Constant) else float(course.final)


@given(courses, st.integers(0, 20), st.integers(2, 60))
def test_the_ends_are_exact_and_nothing_lies_beyond_them(
    course: Course, warm_up: int, rounds: int
) -> None:
    schedule = Schedule(course=course, warm_up=warm_up)
    factors = [schedule.factor(at, rounds) for at in range(1, rounds + 1)]
    first = max(1, warm_up)
    assert factors[: first - 1] == [at / first for at in range(1, min(first, rounds + 1))]
    after = factors[first - 1 :]
    if after:
        assert after[0] == 1.0
        assert after == sorted(after, reverse=True)
    if len(after) > 1:
        assert after[-1] == final_of(course)


@given(st.integers(2, 60), finals)
def test_a_cosine_is_one(rounds: int, final: Decimal) -> None:
    schedule = Schedule(course=Cosine(final=final), warm_up=0)
    for at in range(1, rounds + 1):
        angle = math.pi * (at - 1) / (rounds - 1)
        exact = float(final) + (1 - float(final)) * (1 + math.cos(angle)) / 2
        assert schedule.factor(at, rounds) == pytest.approx(exact, abs=1e-12)


def test_steps_are_equally_long_and_equal_factors() -> None:
    schedule = Schedule(course=Steps(final=Decimal("0.01"), times=2), warm_up=0)
    factors = [schedule.factor(at, 7) for at in range(1, 8)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01, 0.01])


def test_a_study_of_one_round_has_the_whole_rate() -> None:
    for course in (Constant(), Cosine(final=Decimal("0.1"))):
        assert Schedule(course=course, warm_up=0).factor(1, 1) == 1.0
        assert Schedule(course=course, warm_up=1).factor(1, 1) == 1.0
        assert Schedule(course=course, warm_up=4).factor(1, 1) == 0.25


@given(courses, st.integers(0, 20))
def test_a_schedule_can_be_stored(course: Course, warm_up: int) -> None:
    schedule = Schedule(course=course, warm_up=warm_up)
    assert from_bytes(Schedule, to_bytes(schedule)) == schedule


@pytest.mark.parametrize(("at", "rounds"), [(0, 5), (6, 5), (1, 0), (-1, 5)])
def test_there_is_no_such_round(at: int, rounds: int) -> None:
    with pytest.raises(NumberInvalid):
        Schedule(course=Constant(), warm_up=0).factor(at, rounds)


@pytest.mark.parametrize("final", ["0", "1.1", "NaN", "-1"])
def test_no_course_ends_outside_its_range(final: str) -> None:
    with pytest.raises(NumberInvalid):
        Cosine(final=Decimal(final))
    with pytest.raises(NumberInvalid):
        Steps(final=Decimal(final), times=1)
