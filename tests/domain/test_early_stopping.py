"""A study stops when its noisy figure is no better for long enough, and for no other reason."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.early_stopping import Aim, StoppingRule
from securefed.errors import NumberInvalid

figures = st.lists(st.decimals(-1, 1, places=3), max_size=30)
rules = st.builds(
    StoppingRule,
    aim=st.sampled_from(Aim),
    patience=st.integers(1, 5),
    window=st.integers(1, 5),
    margin=st.decimals(0, "0.3", places=2),
)


def rule(
    patience: int = 3, window: int = 1, margin: str = "0", aim: Aim = Aim.HIGHER
) -> StoppingRule:
    return StoppingRule(aim=aim, patience=patience, window=window, margin=Decimal(margin))


def decimals(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


def test_it_goes_on_while_figures_rise_and_stops_after_patience() -> None:
    rising = decimals("0.5", "0.6", "0.7")
    assert rule().judge(rising).reason == "better than before"
    two = rule().judge([*rising, *decimals("0.7", "0.6")])
    assert (two.stop, two.reason) == (False, "no better for 2 of 3 rounds")
    three = rule().judge([*rising, *decimals("0.7", "0.6", "0.69")])
    assert (three.stop, three.reason) == (True, "no better for 3 of 3 rounds")
    assert not rule().judge([*rising, *decimals("0.7", "0.6", "0.71")]).stop


def test_a_mean_is_better_by_more_than_the_margin() -> None:
    one = rule(patience=1, window=4, margin="0.01")
    first = decimals("0.5", "0.5", "0.5", "0.5")
    assert one.judge([*first, Decimal("0.54")]).stop
    assert not one.judge([*first, Decimal("0.5401")]).stop


def test_before_a_window_is_full_nothing_is_said() -> None:
    judged = rule(patience=1, window=3).judge(decimals("0.9", "0.1"))
    assert (judged.stop, judged.reason) == (False, "2 of 3 figures for a mean")
    assert not rule().judge([]).stop


@given(rules, figures)
def test_lower_is_higher_turned_around(one: StoppingRule, found: list[Decimal]) -> None:
    other = StoppingRule(
        aim=Aim.LOWER if one.aim is Aim.HIGHER else Aim.HIGHER,
        patience=one.patience,
        window=one.window,
        margin=one.margin,
    )
    assert one.judge(found) == other.judge([-figure for figure in found])


@given(rules, figures)
def test_it_never_stops_before_a_window_and_patience_have_passed(
    one: StoppingRule, found: list[Decimal]
) -> None:
    if len(found) < one.window + one.patience:
        assert not one.judge(found).stop


@given(rules, figures)
def test_against_a_plain_reading_of_the_rule(one: StoppingRule, found: list[Decimal]) -> None:
    sign = 1 if one.aim is Aim.HIGHER else -1
    sums = [sign * sum(found[at - one.window : at]) for at in range(one.window, len(found) + 1)]
    last = 0
    for at in range(1, len(sums)):
        gain = sums[at] - sums[last]
        if gain > one.margin * one.window:
            last = at
    since = len(sums) - 1 - last if sums else 0
    assert one.judge(found).stop == (since >= one.patience)


@pytest.mark.parametrize("bad", ["NaN", "sNaN", "Infinity"])
def test_a_figure_that_is_none_is_refused(bad: str) -> None:
    with pytest.raises(NumberInvalid, match="leave out"):
        rule().judge(decimals("0.5", bad))
    with pytest.raises(NumberInvalid):
        rule(margin=bad)


@pytest.mark.parametrize("name", ["patience", "window"])
def test_patience_and_window_are_one_at_least(name: str) -> None:
    with pytest.raises(NumberInvalid):
        rule(**{name: 0})
