"""Formulas of single mechanisms against sums over the integers, and replacing against both."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain import divergences
from securefed.domain.privacy import (
    Adjacency,
    DiscreteGaussianRelease,
    DiscreteLaplaceRelease,
    DpSgd,
    GaussianRelease,
    LaplaceRelease,
    Mechanism,
    Sampling,
)
from securefed.domain.renyi import (
    INFINITE,
    best_delta,
    best_epsilon,
    delta_at,
    epsilon_at,
    loss_of_one,
)
from tests.domain import quadrature

DELTA = Decimal("1e-5")


def by_sum(logs: dict[int, float], shift: int, order: int) -> float:
    """A divergence by definition, of noise with these log-weights on integers `shift` apart."""
    terms = [
        order * log - (order - 1) * logs[k - shift] for k, log in logs.items() if k - shift in logs
    ]
    return (_log_sum(terms) - _log_sum(list(logs.values()))) / (order - 1)


def _log_sum(terms: list[float]) -> float:
    most = max(terms)
    return most + math.log(math.fsum(math.exp(term - most) for term in terms))


@pytest.mark.parametrize("shift", [1, 2])
@pytest.mark.parametrize("order", [2, 3, 8, 64, 512])
@pytest.mark.parametrize("scale", [0.1, 0.7, 1.0, 3.0, 20.0])
def test_discrete_laplace_is_its_sum_over_the_integers(
    scale: float, order: int, shift: int
) -> None:
    logs = {k: -abs(k) / scale for k in range(-2000, 2001)}
    found = divergences.discrete_laplace(scale, order, shift)
    assert found == pytest.approx(by_sum(logs, shift, order), rel=1e-9)


@pytest.mark.parametrize("shift", [1, 2])
@pytest.mark.parametrize("order", [2, 8, 64])
@pytest.mark.parametrize("scale", [0.3, 1.0, 5.0])
def test_discrete_gaussian_noise_never_diverges_more_than_continuous(
    scale: float, order: int, shift: int
) -> None:
    logs = {k: -k * k / (2 * scale * scale) for k in range(-2000, 2001)}
    exact = by_sum(logs, shift, order)
    bound = divergences.gaussian(scale, order, shift)
    assert exact <= bound * (1 + 1e-12)
    assert bound <= exact * (1.6 if scale < 1 else 1 + 1e-6)


def test_broad_discrete_laplace_noise_is_still_counted() -> None:
    for exponent in range(3, 13):
        scale = Decimal(10) ** exponent
        work = DiscreteLaplaceRelease(scale=scale, releases=1)
        exact = 1 / scale**2  # order/2 over the square, for large scales
        assert exact * Decimal("0.999") <= loss_of_one(work, 2) <= exact + Decimal("1e-12")


def replaced_by_integral(rate: float, noise: float, order: int) -> float:
    """The sampled Gaussian with the unit at +1 against the one with it at -1."""

    def log_mixture(x: float, at: float) -> float:
        there = -((x - at) ** 2) / (2 * noise * noise) + math.log(rate)
        here = -(x * x) / (2 * noise * noise) + math.log1p(-rate)
        return max(there, here) + math.log1p(math.exp(-abs(there - here)))

    reach, count = order + 1 + 14 * noise, 20_000
    step = 2 * reach / count
    places = (-reach + step * place for place in range(count + 1))
    terms = [order * log_mixture(x, 1) - (order - 1) * log_mixture(x, -1) for x in places]
    scaled = _log_sum(terms) + math.log(step / (noise * math.sqrt(2 * math.pi)))
    return scaled / (order - 1)


@pytest.mark.parametrize("order", [2, 3, 8, 20])
@pytest.mark.parametrize(("rate", "noise"), [(0.01, 1.0), (0.1, 2.0), (0.5, 1.5), (0.9, 4.0)])
def test_replacing_under_sampling_is_bounded(rate: float, noise: float, order: int) -> None:
    bound = divergences.sampled_gaussian_replaced(rate, noise, order)
    assert replaced_by_integral(rate, noise, order) <= bound * (1 + 1e-9)
    assert quadrature.sampled_gaussian(rate, noise, order) <= bound


def test_replacing_everything_is_twice_the_sensitivity() -> None:
    assert divergences.sampled_gaussian_replaced(1.0, 3.0, 8) == pytest.approx(4 * 8 / (2 * 9))


def sampled(noise: str, rate: str, steps: int) -> DpSgd:
    return DpSgd(
        noise_multiplier=Decimal(noise),
        sampling_rate=Decimal(rate),
        sampling=Sampling.POISSON,
        steps=steps,
        clip=Decimal(1),
    )


WORK: tuple[Mechanism, ...] = (
    sampled("1", "0.01", 1000),
    GaussianRelease(noise_multiplier=Decimal(20), releases=9),
    LaplaceRelease(scale=Decimal(8), releases=2),
    DiscreteGaussianRelease(scale=Decimal(9), releases=3),
    DiscreteLaplaceRelease(scale=Decimal(9), releases=3),
)


@pytest.mark.parametrize("work", [(one,) for one in WORK] + [WORK], ids=str)
def test_replacing_costs_more_than_adding(work: tuple[Mechanism, ...]) -> None:
    added = best_epsilon(work, DELTA)
    assert added < best_epsilon(work, DELTA, Adjacency.REPLACE_ONE) < 3 * added


def test_replacing_what_has_no_rule_is_infinite() -> None:
    shuffled = sampled("1", "0.01", 1)
    shuffled = DpSgd(**{**vars(shuffled), "sampling": Sampling.SHUFFLE})
    assert best_epsilon((shuffled,), DELTA, Adjacency.REPLACE_ONE) == INFINITE
    assert best_delta((shuffled,), Decimal(40)) == 1


@given(
    order=st.integers(2, 512),
    total=st.decimals("0", "20", places=6),
    delta=st.decimals("0.000000001", "0.1", places=9),
)
def test_delta_and_epsilon_convert_into_each_other(
    order: int, total: Decimal, delta: Decimal
) -> None:
    epsilon = epsilon_at(total, order, delta)
    there = delta_at(total, order, epsilon)
    assert there <= delta * Decimal("1.00001")
    if epsilon > 0:
        assert there >= delta * Decimal("0.9999")


def test_the_best_delta_stays_a_probability() -> None:
    assert best_delta((), Decimal(1)) == 0
    assert best_delta((DpSgd.full_batch(Decimal("0.01")),), Decimal(0)) == 1
    assert best_delta((DpSgd.full_batch(Decimal(10**6)),), Decimal(10**6)) == Decimal("1e-30")
    assert best_delta(WORK, Decimal(1)) > best_delta(WORK, Decimal(2)) > 0


def test_a_full_batch_step_draws_everybody_once() -> None:
    one = DpSgd.full_batch(Decimal("3.5"))
    release = GaussianRelease(noise_multiplier=Decimal("3.5"), releases=1)
    assert one.sampling_rate == one.steps == one.clip == 1
    assert loss_of_one(one, 8) == loss_of_one(release, 8)
