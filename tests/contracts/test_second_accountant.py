"""What every SecondAccountant does: it bounds Gaussian work, and says nothing of the rest."""

from decimal import Decimal
from typing import cast

import pytest

from securefed.adapters.memory import MemorySecondAccountant
from securefed.adapters.odometer import Odometer
from securefed.adapters.opacus_training.prv import OpacusPrv
from securefed.domain.privacy import (
    DiscreteGaussianRelease,
    DiscreteLaplaceRelease,
    DpSgd,
    GaussianRelease,
    LaplaceRelease,
    Mechanism,
    Sampling,
)
from securefed.errors import NumberInvalid
from securefed.ports import SecondAccountant

pytestmark = pytest.mark.slow

DELTA = Decimal("1e-5")
COUNTS = GaussianRelease(noise_multiplier=Decimal(20), releases=10)


@pytest.fixture(params=[MemorySecondAccountant, OpacusPrv])
def second(request: pytest.FixtureRequest) -> SecondAccountant:
    return cast("SecondAccountant", request.param())


def training(
    rate: str = "0.01",
    noise: str = "1",
    steps: int = 1000,
    *,
    sampling: Sampling = Sampling.POISSON,
    clip: str = "1",
) -> DpSgd:
    return DpSgd(
        noise_multiplier=Decimal(noise),
        sampling_rate=Decimal(rate),
        sampling=sampling,
        steps=steps,
        clip=Decimal(clip),
    )


def epsilon(second: SecondAccountant, *mechanisms: Mechanism) -> Decimal:
    found = second.epsilon(mechanisms, DELTA)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "work",
    [
        (training(),),
        (training(), COUNTS),
        (COUNTS,),
        (training("1", "20", 100),),
        (training("0.05", "2", 400), training("0.004", "0.8", 500), COUNTS),
    ],
)
def test_it_is_near_the_first_one_and_not_below(
    second: SecondAccountant, work: tuple[Mechanism, ...]
) -> None:
    first = Odometer().loss(work, DELTA)
    # The first one's grid may lift it above the other by as much.
    assert first.epsilon - Decimal("0.003") <= epsilon(second, *work)
    assert epsilon(second, *work) <= first.upper_bound + Decimal("0.05")


def test_it_says_whose_figure_it_is(second: SecondAccountant) -> None:
    assert second.name


def test_nothing_costs_nothing(second: SecondAccountant) -> None:
    assert second.epsilon((), DELTA) == 0


def test_order_clip_and_how_work_is_split_change_nothing(second: SecondAccountant) -> None:
    whole = epsilon(second, training(), COUNTS)
    assert whole == epsilon(second, COUNTS, training(clip="5"))
    assert whole == epsilon(second, training(steps=400), COUNTS, training(steps=600))


@pytest.mark.parametrize(
    "unknown",
    [
        LaplaceRelease(scale=Decimal(10), releases=1),
        DiscreteGaussianRelease(scale=Decimal(10), releases=1),
        DiscreteLaplaceRelease(scale=Decimal(10), releases=1),
        training(sampling=Sampling.SHUFFLE),
    ],
    ids=["laplace", "discrete-gaussian", "discrete-laplace", "shuffle"],
)
def test_it_has_no_figure_for_what_it_has_no_rule_for(
    second: SecondAccountant, unknown: Mechanism
) -> None:
    assert second.epsilon((unknown,), DELTA) is None
    assert second.epsilon((training(), unknown), DELTA) is None


def test_more_work_costs_more(second: SecondAccountant) -> None:
    spent = [epsilon(second, training(steps=steps)) for steps in (1, 100, 1000, 5000)]
    assert spent == sorted(set(spent))


@pytest.mark.parametrize("delta", ["0", "1", "-1", "NaN", "Infinity"])
def test_delta_is_a_probability(second: SecondAccountant, delta: str) -> None:
    with pytest.raises(NumberInvalid):
        second.epsilon((training(),), Decimal(delta))
