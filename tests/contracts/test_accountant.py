"""What every Accountant does: more work costs more, more noise less, the unknown infinitely."""

from decimal import Decimal
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.adapters.memory import MemoryAccountant
from securefed.adapters.odometer import Odometer
from securefed.domain.privacy import (
    Adjacency,
    DiscreteGaussianRelease,
    DiscreteLaplaceRelease,
    DpSgd,
    GaussianRelease,
    LaplaceRelease,
    Mechanism,
    PrivacyLoss,
    Sampling,
)
from securefed.domain.renyi import INFINITE, total_at
from securefed.errors import NumberInvalid
from securefed.ports import Accountant

pytestmark = pytest.mark.slow

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
TALLY = DiscreteGaussianRelease(scale=Decimal(15), releases=4)
HISTOGRAM = DiscreteLaplaceRelease(scale=Decimal(12), releases=2)
EVERY: dict[str, Mechanism] = {
    "dp-sgd": training(),
    "gaussian": COUNTS,
    "laplace": METRIC,
    "discrete-gaussian": TALLY,
    "discrete-laplace": HISTOGRAM,
}
MIXED: tuple[Mechanism, ...] = tuple(EVERY.values())
each_mechanism = pytest.mark.parametrize("one", EVERY.values(), ids=EVERY.keys())


def epsilon(accountant: Accountant, *mechanisms: Mechanism) -> Decimal:
    return accountant.loss(mechanisms, DELTA).epsilon


def test_the_statement_is_complete(accountant: Accountant) -> None:
    loss = accountant.loss(MIXED, DELTA)
    assert loss.delta == DELTA
    assert loss.adjacency is Adjacency.ADD_REMOVE
    assert loss.accountant
    assert 0 < loss.epsilon <= loss.upper_bound < 10
    assert loss.epsilon < loss.replace_one < 20


def test_nothing_costs_nothing(accountant: Accountant) -> None:
    loss = accountant.loss((), DELTA)
    assert loss.epsilon == loss.upper_bound == loss.replace_one == 0
    assert accountant.profile((), (Decimal(0), Decimal(1))) == (Decimal(0), Decimal(0))
    assert accountant.divergence((), 8) == 0


def test_what_has_no_rule_costs_infinitely_much(accountant: Accountant) -> None:
    shuffled = training(sampling=Sampling.SHUFFLE)
    for mechanisms in ((shuffled,), (COUNTS, shuffled), (training(), shuffled, METRIC)):
        loss = accountant.loss(mechanisms, DELTA)
        assert (loss.epsilon, loss.upper_bound, loss.replace_one) == (INFINITE,) * 3
        assert accountant.profile(mechanisms, (Decimal(0), Decimal(40))) == (Decimal(1), Decimal(1))
        assert accountant.divergence(mechanisms, 8) == INFINITE


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


@each_mechanism
def test_every_further_mechanism_costs(accountant: Accountant, one: Mechanism) -> None:
    assert epsilon(accountant, *MIXED, one) > epsilon(accountant, *MIXED)


@each_mechanism
def test_replacing_a_unit_costs_more_and_at_most_what_two_changes_may(
    accountant: Accountant, one: Mechanism
) -> None:
    loss = accountant.loss((one,), DELTA)
    # Group privacy: what is (ε, δ) for one change is (2ε, (1 + exp(ε))δ) for two.
    larger = (1 + loss.epsilon.exp()) * DELTA
    two = 2 * accountant.loss((one,), DELTA).epsilon
    assert loss.epsilon < loss.replace_one
    assert accountant.loss((one,), larger).replace_one <= two * Decimal("1.2")


@each_mechanism
def test_the_profile_falls_and_agrees_with_the_loss(accountant: Accountant, one: Mechanism) -> None:
    epsilons = tuple(Decimal(tenths) / 10 for tenths in range(0, 40, 5))
    profile = accountant.profile((one,), epsilons)
    assert all(0 < later <= earlier <= 1 for earlier, later in pairwise(profile))
    for delta in (Decimal("1e-3"), DELTA, Decimal("1e-7")):
        [there] = accountant.profile((one,), (accountant.loss((one,), delta).epsilon,))
        assert there <= delta * Decimal("1.001")


def test_the_profile_answers_in_the_order_that_was_asked(accountant: Accountant) -> None:
    low, high = Decimal("0.5"), Decimal(2)
    [at_high, at_low, again] = accountant.profile(MIXED, (high, low, high))
    assert at_high == again < at_low


@each_mechanism
@pytest.mark.parametrize("order", [2, 7, 8, 64, 256])
def test_a_divergence_is_the_cores(accountant: Accountant, one: Mechanism, order: int) -> None:
    ours = total_at((one,), order)
    rounding = one.times * Decimal("2e-12")
    found = accountant.divergence((one,), order)
    assert ours * (1 - Decimal("1e-8")) - rounding <= found
    assert found <= ours * (1 + Decimal("1e-6")) + rounding


def test_a_divergence_is_a_sum(accountant: Accountant) -> None:
    apart = sum(accountant.divergence((one,), 7) for one in MIXED)
    assert accountant.divergence(MIXED, 7) == pytest.approx(apart, rel=Decimal("1e-9"))


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


@pytest.mark.parametrize("epsilon", ["-0.1", "NaN", "Infinity", "1e13"])
def test_an_epsilon_is_finite_and_not_negative(accountant: Accountant, epsilon: str) -> None:
    with pytest.raises(NumberInvalid):
        accountant.profile(MIXED, (Decimal(1), Decimal(epsilon)))


@pytest.mark.parametrize("order", [1, 0, -2, 2.5, True])
def test_an_order_is_a_whole_number_from_two_on(accountant: Accountant, order: int) -> None:
    with pytest.raises(NumberInvalid):
        accountant.divergence(MIXED, order)


def bounded(loss: PrivacyLoss) -> bool:
    return 0 <= loss.epsilon <= loss.upper_bound


@settings(max_examples=25)
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
    assert tight.epsilon <= tight.replace_one <= loose.replace_one + ROUNDING
