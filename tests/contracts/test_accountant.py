"""What every Accountant does: more work costs more, more noise less, the unknown infinitely."""

from decimal import Decimal
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.adapters.memory import MemoryAccountant
from securefed.adapters.odometer import Odometer
from securefed.domain.privacy import (
    Adjacency,
    DpSgd,
    GaussianRelease,
    LaplaceRelease,
    Mechanism,
    PrivacyLoss,
    Sampling,
)
from securefed.domain.renyi import INFINITE
from securefed.errors import NumberInvalid
from securefed.ports import Accountant

DELTA = Decimal("1e-5")
ROUNDING = Decimal("1e-6")


@pytest.fixture(params=[MemoryAccountant, Odometer])
def accountant(request: pytest.FixtureRequest) -> Accountant:
    return cast("Accountant", request.param())


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


COUNTS = GaussianRelease(noise_multiplier=Decimal(20), releases=10)
METRIC = LaplaceRelease(scale=Decimal(10), releases=3)
MIXED: tuple[Mechanism, ...] = (training(), COUNTS, METRIC)


def epsilon(accountant: Accountant, *mechanisms: Mechanism) -> Decimal:
    return accountant.loss(mechanisms, DELTA).epsilon


def test_the_statement_is_complete(accountant: Accountant) -> None:
    loss = accountant.loss(MIXED, DELTA)
    assert loss.delta == DELTA
    assert loss.adjacency is Adjacency.ADD_REMOVE
    assert loss.accountant
    assert 0 < loss.epsilon <= loss.upper_bound < 10


def test_nothing_costs_nothing(accountant: Accountant) -> None:
    loss = accountant.loss((), DELTA)
    assert loss.epsilon == loss.upper_bound == 0


def test_what_has_no_rule_costs_infinitely_much(accountant: Accountant) -> None:
    shuffled = training(sampling=Sampling.SHUFFLE)
    for mechanisms in ((shuffled,), (COUNTS, shuffled), (training(), shuffled, METRIC)):
        loss = accountant.loss(mechanisms, DELTA)
        assert (loss.epsilon, loss.upper_bound) == (INFINITE, INFINITE)


def test_more_steps_cost_more(accountant: Accountant) -> None:
    spent = [epsilon(accountant, training(steps=steps)) for steps in (1, 10, 100, 1000, 10000)]
    assert spent == sorted(set(spent))


def test_more_noise_costs_less(accountant: Accountant) -> None:
    spent = [epsilon(accountant, training(noise=noise)) for noise in ("8", "2", "1", "0.7", "0.5")]
    assert spent == sorted(set(spent))


def test_more_sampling_costs_more(accountant: Accountant) -> None:
    spent = [epsilon(accountant, training(rate)) for rate in ("0.001", "0.01", "0.1", "0.5", "1")]
    assert spent == sorted(set(spent))


def test_a_smaller_delta_costs_more(accountant: Accountant) -> None:
    deltas = [Decimal(delta) for delta in ("0.01", "1e-4", "1e-6", "1e-8")]
    spent = [accountant.loss(MIXED, delta).epsilon for delta in deltas]
    assert spent == sorted(set(spent))


@pytest.mark.parametrize("added", [training(), COUNTS, METRIC], ids=["dp-sgd", "gauss", "laplace"])
def test_every_further_mechanism_costs(accountant: Accountant, added: Mechanism) -> None:
    assert epsilon(accountant, *MIXED, added) > epsilon(accountant, *MIXED)


def test_together_costs_less_than_the_sum(accountant: Accountant) -> None:
    apart = sum(epsilon(accountant, training(steps=100)) for _ in range(10))
    assert epsilon(accountant, *(training(steps=100) for _ in range(10))) < apart


def test_halves_cost_as_much_as_the_whole(accountant: Accountant) -> None:
    half = training(steps=500)
    assert accountant.loss((half, COUNTS, half), DELTA) == accountant.loss(
        (training(steps=1000), COUNTS), DELTA
    )


def test_order_and_clip_change_nothing(accountant: Accountant) -> None:
    there = accountant.loss((training(clip="0.1"), COUNTS, METRIC), DELTA)
    back = accountant.loss((METRIC, COUNTS, training(clip="5")), DELTA)
    assert there == back


def test_a_full_batch_step_is_a_gaussian_release(accountant: Accountant) -> None:
    release = GaussianRelease(noise_multiplier=Decimal(20), releases=100)
    assert epsilon(accountant, training("1", "20", 100)) == epsilon(accountant, release)


@pytest.mark.parametrize("delta", ["0", "1", "-1", "NaN", "Infinity"])
def test_delta_is_a_probability(accountant: Accountant, delta: str) -> None:
    with pytest.raises(NumberInvalid):
        accountant.loss(MIXED, Decimal(delta))


def bounded(loss: PrivacyLoss) -> bool:
    return 0 <= loss.epsilon <= loss.upper_bound


@settings(max_examples=25, deadline=None)
@given(
    rate=st.decimals("0.0001", "1", places=4),
    noise=st.decimals("0.3", "50", places=2),
    steps=st.integers(1, 5000),
    delta=st.sampled_from(["1e-3", "1e-5", "1e-7", "1e-9", "1e-12"]),
)
def test_the_real_one_is_never_above_its_twin(
    rate: Decimal, noise: Decimal, steps: int, delta: str
) -> None:
    work = (training(str(rate), str(noise), steps),)
    tight = Odometer().loss(work, Decimal(delta))
    loose = MemoryAccountant().loss(work, Decimal(delta))
    assert bounded(tight)
    assert bounded(loose)
    assert tight.upper_bound <= loose.epsilon + ROUNDING
