from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from securefed.domain.combining import EarlyStop
from securefed.domain.early_stopping import Aim, StoppingRule
from securefed.domain.identifiers import Line
from securefed.domain.search import combinations, deciding, drawn, ranked
from securefed.errors import ConfigInvalid, NumberInvalid

RULE = StoppingRule(aim=Aim.LOWER, patience=1, window=1, margin=Decimal(0))


def test_every_way_to_take_one_of_each() -> None:
    assert combinations(["ab", "xyz"]) == tuple(
        (first, second) for first in "ab" for second in "xyz"
    )


def test_a_grid_that_nobody_can_pay_is_refused() -> None:
    with pytest.raises(NumberInvalid, match="trials of the whole grid"):
        combinations([range(100), range(11)])
    with pytest.raises(NumberInvalid):
        combinations([[1], []])


@given(some.integers(1, 40), some.integers(1, 40), some.integers(0, 10**12))
def test_a_lot_draws_so_many_in_their_order_and_always_the_same(
    size: int, wanted: int, seed: int
) -> None:
    found = drawn(range(size), wanted, seed)
    assert len(found) == len(set(found)) == min(size, wanted)
    assert list(found) == sorted(found)
    assert found == drawn(range(size), wanted, seed)


def test_another_seed_draws_another_lot() -> None:
    assert len({drawn(range(20), 3, seed) for seed in range(20)}) > 10
    assert drawn(range(6), None, 7) == tuple(range(6))


def test_the_lot_is_the_same_in_every_release() -> None:
    assert drawn("abcdefgh", 3, 1) == ("e", "f", "h")


@pytest.mark.parametrize(("wanted", "seed"), [(0, 0), (-1, 0), (2, -1)])
def test_no_lot_of_nothing(wanted: int, seed: int) -> None:
    with pytest.raises(NumberInvalid):
        drawn(range(5), wanted, seed)


def test_the_best_is_first_and_what_has_no_figure_last() -> None:
    figures = {"a": Decimal(1), "b": None, "c": Decimal(3), "d": Decimal(1), "e": Decimal("-2")}
    assert "".join(ranked("abcde", figures.get, Aim.HIGHER)) == "cadeb"
    assert "".join(ranked("abcde", figures.get, Aim.LOWER)) == "eadcb"


def test_what_decides() -> None:
    stop = EarlyStop(metric=Line("auc"), rule=RULE)
    assert deciding(stop, None, None) == ("auc", Aim.LOWER)
    assert deciding(stop, None, Aim.HIGHER) == ("auc", Aim.HIGHER)
    assert deciding(stop, "accuracy", None) == ("accuracy", Aim.HIGHER)
    assert deciding(None, "length.rmse", None) == ("length.rmse", Aim.LOWER)
    with pytest.raises(ConfigInvalid, match="which figure decides"):
        deciding(None, None, None)
