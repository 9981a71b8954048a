"""A record's tally has norm one at most whatever the model answers, and sums give the figures."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from securefed.recipes.tallies import (
    BinaryTally,
    ClassTally,
    MeanTally,
    RangeTally,
    Tally,
    joined_rows,
    parted,
)

ANY = st.floats(width=32)
NAN = math.nan
MEAN = MeanTally(name="loss", most=4.0)
RANGE = RangeTally(low=-10.0, high=30.0)


def assert_valid(tally: Tally, rows: Tensor, records: int) -> None:
    assert rows.shape == (records, tally.numbers)
    assert rows.isfinite().all()
    assert (rows.double().norm(dim=1) <= 1 + 1e-6).all()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(ANY, st.integers(-3, 3)), min_size=1, max_size=8))
def test_two_classes_keep_the_bound(cases: list[tuple[float, int]]) -> None:
    answers, labels = (torch.tensor(part) for part in zip(*cases, strict=True))
    rows = BinaryTally().rows(answers, labels)
    assert_valid(BinaryTally(), rows, len(cases))
    assert rows.any(1).tolist() == [label in (0, 1) for _, label in cases]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(ANY, min_size=4, max_size=4), st.integers(-2, 5)), min_size=1, max_size=8
    )
)
def test_several_classes_keep_the_bound(cases: list[tuple[list[float], int]]) -> None:
    answers, labels = (torch.tensor(part) for part in zip(*cases, strict=True))
    assert_valid(ClassTally(classes=4), ClassTally(classes=4).rows(answers, labels), len(cases))


@pytest.mark.parametrize("tally", [RANGE, MEAN])
@settings(max_examples=30, deadline=None)
@given(cases=st.lists(st.tuples(ANY, ANY), min_size=1, max_size=8))
def test_numbers_keep_the_bound(tally: Tally, cases: list[tuple[float, float]]) -> None:
    answers, wanted = (torch.tensor(part) for part in zip(*cases, strict=True))
    assert_valid(tally, tally.rows(answers, wanted), len(cases))


@settings(max_examples=30, deadline=None)
@given(ANY, ANY)
def test_several_tallies_together_keep_the_bound(answer: float, wanted: float) -> None:
    answers, targets = torch.tensor([answer]), torch.tensor([wanted])
    parts = [
        BinaryTally().rows(answers, torch.tensor([1])),
        RANGE.rows(answers, targets),
        MEAN.rows(answers, targets),
    ]
    rows = joined_rows(parts)
    assert rows.norm() <= 1 + 1e-6
    again = parted(rows.sum(0), [BinaryTally(), RANGE, MEAN])
    for part, whole in zip(again, parts, strict=True):
        assert torch.allclose(part, whole.sum(0), atol=1e-6)


def figures(tally: Tally, answers: Any, wanted: Any) -> dict[str, float]:
    return dict(tally.metrics(tally.rows(torch.tensor(answers), torch.tensor(wanted)).sum(0)))


def test_two_classes_figures() -> None:
    # Scores of 0.1, 0.3, 0.9 for class 0 and 0.3, 0.7 for class 1: of six pairs, 3 and a half.
    answers = [math.log(p / (1 - p)) for p in (0.11, 0.31, 0.91, 0.31, 0.71)]
    found = figures(BinaryTally(), answers, [0, 0, 0, 1, 1])
    assert found == pytest.approx(
        {"accuracy": 3 / 5, "balanced_accuracy": (2 / 3 + 1 / 2) / 2, "f1": 1 / 2, "auc": 3.5 / 6}
    )


def test_two_classes_without_one_of_them_have_no_balance_and_no_area() -> None:
    found = figures(BinaryTally(), [1.0, -1.0], [1, 1])
    assert found["accuracy"] == 0.5
    assert math.isnan(found["balanced_accuracy"])
    assert math.isnan(found["auc"])


def test_several_classes_figures() -> None:
    answers = torch.eye(3)[[0, 1, 1, 2]].tolist()
    found = figures(ClassTally(classes=4), [*answers, [0.0, 0.0, NAN]], [0, 0, 1, 2, 2])
    # The second class is taken for in place of the first once: 1 right of 1, and one too many.
    scores = (2 / 3 + 2 / 3 + 2 / 3) / 3
    balanced = (1 / 2 + 1 + 1 / 2) / 3
    assert found == pytest.approx({"accuracy": 3 / 5, "balanced_accuracy": balanced, "f1": scores})


def test_an_answer_that_is_no_number_is_wrong() -> None:
    assert figures(BinaryTally(), [NAN, NAN], [0, 1])["accuracy"] == 0
    assert figures(BinaryTally(), [NAN, NAN], [0, 1])["auc"] == 0
    assert figures(ClassTally(classes=2), [[NAN, 0.0]], [0])["accuracy"] == 0
    assert figures(RANGE, [NAN], [3.0]) == pytest.approx({"rmse": 40, "mae": 40})


def test_errors_in_a_range() -> None:
    found = figures(RANGE, [0.0, 10.0, 99.0, 5.0], [3.0, 10.0, 28.0, NAN])
    assert found == pytest.approx({"rmse": math.sqrt((9 + 0 + 4) / 3), "mae": 5 / 3}, rel=1e-5)


def test_a_mean_is_cut_at_its_most() -> None:
    assert figures(MEAN, [1.0, 100.0, 2.0], [0.0, 0.0, NAN]) == pytest.approx({"loss": 2.5})


@pytest.mark.parametrize("tally", [BinaryTally(), ClassTally(classes=3), RANGE, MEAN])
def test_nothing_tells_nothing(tally: Tally) -> None:
    for sums in (torch.zeros(tally.numbers), -torch.ones(tally.numbers)):
        assert all(math.isnan(figure) for figure in tally.metrics(sums).values())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-30, 30, width=32), min_size=24, max_size=24))
def test_noise_takes_no_figure_out_of_its_range(sums: list[float]) -> None:
    for figure in BinaryTally().metrics(torch.tensor(sums)).values():
        assert math.isnan(figure) or 0 <= figure <= 1


def test_noise_in_the_bins_does_not_reach_accuracy() -> None:
    rows = BinaryTally().rows(torch.tensor([2.0, -2.0, 2.0]), torch.tensor([1, 0, 0]))
    noised = rows.sum(0) + torch.tensor([0.0] * 4 + [5.0, -7.0] * 10)
    assert BinaryTally().metrics(noised)["accuracy"] == pytest.approx(2 / 3)
