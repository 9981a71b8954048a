"""The odometer's figures: reference values, none below the truth, and no input that hangs it."""

import logging
import math
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import dp_accounting
import pytest
from dp_accounting import rdp
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.adapters.odometer import Odometer, divergences, figures
from securefed.adapters.odometer.acts import Act, Acts
from securefed.adapters.odometer.divergences import renyi_figure
from securefed.adapters.odometer.figures import distribution_deltas, distribution_figure
from securefed.domain.privacy import (
    DiscreteGaussianRelease,
    DiscreteLaplaceRelease,
    DpSgd,
    GaussianRelease,
    LaplaceRelease,
    Mechanism,
    PrivacyLoss,
    Sampling,
)
from securefed.domain.renyi import INFINITE, ORDERS, best_epsilon, loss_of_one
from securefed.errors import NumberInvalid

pytestmark = pytest.mark.slow

DELTA = Decimal("1e-5")


def training(rate: str, noise: str, steps: int) -> DpSgd:
    return DpSgd(
        noise_multiplier=Decimal(noise),
        sampling_rate=Decimal(rate),
        sampling=Sampling.POISSON,
        steps=steps,
        clip=Decimal(1),
    )


def loss(*mechanisms: Mechanism, delta: Decimal = DELTA) -> PrivacyLoss:
    return Odometer().loss(mechanisms, delta)


@pytest.mark.parametrize(
    ("rate", "noise", "steps", "by_renyi", "by_distribution"),
    [
        ("0.01", "1", 1000, "2.101", "1.828"),
        ("0.004", "0.8", 5000, "2.925", "2.499"),
        ("0.05", "2", 400, "2.461", "2.246"),
        ("1", "20", 100, "2.166", "1.993"),
    ],
)
def test_reference_values(
    rate: str, noise: str, steps: int, by_renyi: str, by_distribution: str
) -> None:
    found = loss(training(rate, noise, steps))
    assert round(found.upper_bound, 3) == Decimal(by_renyi)
    assert round(found.epsilon, 3) == Decimal(by_distribution)


def test_reference_value_under_replacing_one_unit() -> None:
    assert round(loss(training("0.01", "1", 1000)).replace_one, 3) == Decimal("2.843")


def test_heterogeneous_work_composes() -> None:
    found = loss(
        training("0.01", "1", 1000),
        training("0.004", "0.8", 5000),
        GaussianRelease(noise_multiplier=Decimal(20), releases=100),
        LaplaceRelease(scale=Decimal(5), releases=2),
    )
    alone = Decimal("1.828") + Decimal("2.499") + Decimal("1.993") + Decimal("0.4")
    assert Decimal("2.499") < found.epsilon < found.upper_bound < alone


def exact_delta(epsilon: float, sigma: float) -> float:
    """Balle and Wang 2018 (arXiv 1805.06530), Theorem 8: the Gaussian mechanism's δ."""

    def normal(x: float) -> float:
        return math.erfc(-x / math.sqrt(2)) / 2

    half = 1 / (2 * sigma)
    return normal(half - epsilon * sigma) - math.exp(epsilon) * normal(-half - epsilon * sigma)


def brute_delta(masses: dict[int, float], shift: int, epsilon: float) -> float:
    """δ by summing over every integer, for noise with these masses on integers `shift` apart."""
    above = [masses[k] - math.exp(epsilon) * masses.get(k - shift, 0.0) for k in sorted(masses)]
    return math.fsum(one for one in above if one > 0)


def masses_of(work: Mechanism) -> dict[int, float]:
    """The probabilities of discrete noise, as far as floats can tell them from nothing."""
    match work:
        case DiscreteGaussianRelease(scale=scale):
            weights = {k: math.exp(-(k * k) / (2 * float(scale) ** 2)) for k in range(-400, 401)}
        case DiscreteLaplaceRelease(scale=scale):
            weights = {k: math.exp(-abs(k) / float(scale)) for k in range(-400, 401)}
    total = math.fsum(weights.values())
    return {k: weight / total for k, weight in weights.items() if weight > 0}


@pytest.mark.parametrize("scale", ["0.5", "1", "2.5", "8"])
@pytest.mark.parametrize("kind", [DiscreteGaussianRelease, DiscreteLaplaceRelease])
def test_discrete_noise_costs_what_a_sum_over_the_integers_says(
    kind: type[DiscreteGaussianRelease | DiscreteLaplaceRelease], scale: str
) -> None:
    work = kind(scale=Decimal(scale), releases=1)
    masses = masses_of(work)
    for delta in (Decimal("0.01"), Decimal("1e-5")):
        found = loss(work, delta=delta)
        for epsilon, apart in ((found.epsilon, 1), (found.replace_one, 2)):
            assert brute_delta(masses, apart, float(epsilon)) <= float(delta) * (1 + 1e-9)
            below = max(0.0, float(epsilon) - 0.003)
            assert below == 0 or brute_delta(masses, apart, below) > float(delta)


def test_two_discrete_releases_cost_what_a_sum_over_pairs_of_integers_says() -> None:
    work = DiscreteLaplaceRelease(scale=Decimal(3), releases=2)
    masses = {k: mass for k, mass in masses_of(work).items() if abs(k) < 100}
    epsilon = float(loss(work, delta=Decimal("0.001")).epsilon)

    def delta(at: float) -> float:
        pairs = ((j, k) for j in masses for k in masses)
        above = (
            masses[j] * masses[k] - math.exp(at) * masses.get(j - 1, 0.0) * masses.get(k - 1, 0.0)
            for j, k in pairs
        )
        return math.fsum(one for one in above if one > 0)

    assert delta(epsilon) <= 0.001 < delta(epsilon - 0.003)


@settings(max_examples=25, deadline=None)
@given(
    noise=st.decimals("0.5", "200", places=2),
    releases=st.integers(1, 2000),
    delta=st.sampled_from(["1e-3", "1e-5", "1e-8"]),
)
def test_gaussian_releases_cost_at_least_what_theory_says(
    noise: Decimal, releases: int, delta: str
) -> None:
    work = GaussianRelease(noise_multiplier=noise, releases=releases)
    found = loss(work, delta=Decimal(delta))
    if found.epsilon < 40:
        sigma = float(noise) / math.sqrt(releases)
        assert exact_delta(float(found.epsilon), sigma) <= float(delta)
        assert exact_delta(float(found.epsilon) * 0.9 - 0.01, sigma) > float(delta)
        assert exact_delta(float(found.replace_one), sigma / 2) <= float(delta)
        [there] = Odometer().profile((work,), (found.epsilon,))
        assert exact_delta(float(found.epsilon), sigma) <= float(there)


@settings(max_examples=25, deadline=None)
@given(
    noise=st.decimals("0.3", "30", places=2),
    parts=st.integers(2, 3000),
    delta=st.sampled_from(["1e-3", "1e-6", "1e-9"]),
)
def test_convolution_is_never_below_the_exact_rule(noise: Decimal, parts: int, delta: str) -> None:
    # Sampling almost everything has no closed form, and costs at least 0.999 of sampling all.
    sigma = float(noise) * math.sqrt(parts)
    convolved = distribution_figure(((Act("gaussian", sigma, 1 - 1e-12), parts),), float(delta), 0)
    if convolved < 40:
        assert exact_delta(convolved, float(noise)) <= float(delta) * 1.001


@settings(max_examples=60, deadline=None)
@given(rate=st.floats(0.0005, 1.0), noise=st.floats(0.3, 100))
def test_the_cores_arithmetic_agrees_with_the_librarys(rate: float, noise: float) -> None:
    work = training(str(Decimal(rate)), str(Decimal(noise)), 1)
    accountant = rdp.RdpAccountant(orders=list(ORDERS))
    gaussian = dp_accounting.GaussianDpEvent(noise)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(rate, gaussian))
    # dp-accounting subtracts from one and so has an absolute error; ours rounds up to 1e-12.
    for order, theirs in zip(ORDERS, accountant.rdp, strict=True):
        ours = float(loss_of_one(work, order))
        assert ours >= theirs * (1 - 1e-9) - 1e-13
        assert ours <= theirs * (1 + 1e-6) + 2e-12 or ours == math.inf


@pytest.mark.parametrize(
    "bad",
    [
        {"noise_multiplier": "0"},
        {"noise_multiplier": "-1"},
        {"noise_multiplier": "NaN"},
        {"noise_multiplier": "Infinity"},
        {"sampling_rate": "0"},
        {"sampling_rate": "1.0000001"},
        {"sampling_rate": "NaN"},
        {"sampling_rate": "-0.1"},
    ],
    ids=str,
)
def test_parameters_without_meaning_never_reach_the_library(bad: dict[str, str]) -> None:
    changes = {name: Decimal(value) for name, value in bad.items()}
    with pytest.raises(NumberInvalid, match=next(iter(bad)).replace("_", " ")):
        loss(replace(training("0.01", "1", 10), **changes))


@pytest.mark.parametrize("steps", [0.5, 1.0, Decimal(2), 0, -1])
def test_steps_are_whole(steps: object) -> None:
    with pytest.raises(NumberInvalid, match="steps"):
        loss(training("0.01", "1", 10).repeated(steps))


def test_work_beyond_any_meaning_is_infinite() -> None:
    assert loss(training("0.5", "1e-29", 10**12)).epsilon == INFINITE
    assert loss(training("1", "1e-10", 1)).epsilon == INFINITE
    assert loss(LaplaceRelease(scale=Decimal("1e-20"), releases=1)).upper_bound == INFINITE


@pytest.mark.parametrize(
    "work",
    [
        training("1", "0.01", 10**5),
        training("0.0001", "0.01", 10),
        training("0.5", "0.01", 1),
        training("0.000001", "1000", 10**7),
        training("0.000001", "1000", 10**12),
        training("0.000001", "1", 10**6),
        training("0.1", "1000", 10**6),
        training("1e-30", "1e12", 10**12),
        training("1e-30", "1e-30", 1),
        training("0.9999999999999999", "1", 1),
        training("0.99999999999999999999", "1", 1),
        GaussianRelease(noise_multiplier=Decimal("1e12"), releases=10**12),
        LaplaceRelease(scale=Decimal("1e6"), releases=10**6),
        LaplaceRelease(scale=Decimal("0.01"), releases=1),
        DiscreteGaussianRelease(scale=Decimal("1e12"), releases=10**12),
        DiscreteGaussianRelease(scale=Decimal("2000"), releases=10**6),
        DiscreteGaussianRelease(scale=Decimal("0.01"), releases=1),
        DiscreteGaussianRelease(scale=Decimal("0.3"), releases=2),
        DiscreteLaplaceRelease(scale=Decimal("1e12"), releases=10**12),
        DiscreteLaplaceRelease(scale=Decimal("1e6"), releases=10**6),
        DiscreteLaplaceRelease(scale=Decimal("0.1"), releases=2),
        DiscreteLaplaceRelease(scale=Decimal("1e-30"), releases=1),
    ],
)
@pytest.mark.parametrize("delta", ["0.5", "1e-5", "1e-30"])
def test_extreme_work_has_a_sound_figure(work: Mechanism, delta: str) -> None:
    found = loss(work, delta=Decimal(delta))
    assert 0 <= found.epsilon <= found.upper_bound
    assert found.epsilon <= found.replace_one
    assert found.upper_bound <= best_epsilon((work,), Decimal(delta)) + Decimal("1e-6")
    epsilons = (Decimal(0), Decimal(1), Decimal(10**12))
    [most, *_, least] = Odometer().profile((work,), epsilons)
    assert 0 < least <= most <= 1
    assert Odometer().divergence((work,), 512) > 0


def test_rounding_never_makes_a_loss_vanish() -> None:
    # Here dp-accounting alone finds a divergence below zero at one order, and so ε = 0.
    act = Act("gaussian", 9013.692703118173, 2.332647580922424e-08)
    accountant = rdp.RdpAccountant()
    gaussian = dp_accounting.GaussianDpEvent(act.noise)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(act.rate, gaussian), 10**12)
    assert min(accountant.rdp) < 0
    assert accountant.get_epsilon(1e-12) == 0
    assert renyi_figure(((act, 10**12),), 1e-12) > 0


def test_the_accountants_name_says_where_epsilon_comes_from() -> None:
    assert loss(training("0.01", "1", 1000)).accountant == "dp-accounting 0.6.0 PLD"
    large = loss(training("1", "0.5", 1000))
    assert large.accountant == "dp-accounting 0.6.0 RDP"
    assert large.epsilon == large.upper_bound


MANY = tuple((Act("gaussian", 100.0 + n, 1.0), 1) for n in range(2001))


@pytest.mark.parametrize(
    ("acts", "delta", "bound"),
    [
        (((Act("gaussian", 1.0, 0.01), 1000),), 1e-5, 51.0),
        (((Act("gaussian", 1000.0, 0.01), 10**8 + 1),), 1e-5, 1.0),
        (((Act("discrete-gaussian", 2001.0, 1.0), 1),), 1e-5, 1.0),
        (MANY, 1e-5, 1.0),
    ],
    ids=["large loss", "many times", "large discrete noise", "many mechanisms"],
)
def test_distributions_are_left_out_where_dear(
    acts: Acts, delta: float, bound: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(figures, "composed")
    assert distribution_figure(acts, delta, bound) == math.inf
    assert distribution_deltas(acts, (1.0,), bound) == (1.0,)


def test_a_distribution_is_left_out_where_rounding_would_be_half_of_delta(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    acts = ((Act("gaussian", 1.0, 0.01), 1000),)
    assert distribution_figure(acts, 2.1e-11, 1.0) < math.inf
    monkeypatch.delattr(figures, "composed")
    assert distribution_figure(acts, 1.9e-11, 1.0) == math.inf


def test_the_librarys_warnings_about_left_out_orders_stay_inside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    divergences._of_one.cache_clear()
    with caplog.at_level(logging.WARNING):
        renyi_figure(((Act("gaussian", 0.5, 0.5), 1),), 1e-5)
    assert caplog.records == []


def test_only_the_odometer_loads_dp_accounting() -> None:
    code = (
        "import sys, securefed.adapters.memory, securefed.domain.renyi, securefed.ports;"
        "print('dp_accounting' in sys.modules, 'numpy' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert ran.stdout.split() == [b"False", b"False"]
