"""The odometer's figures: reference values, none below the truth, and no input that hangs it."""

import logging
import math
import subprocess
import sys
from decimal import Decimal

import pytest
from dp_accounting import rdp
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.adapters.odometer import Odometer, figures
from securefed.adapters.odometer.acts import Act, Acts, acts_of, event
from securefed.adapters.odometer.figures import distribution_figure, renyi_figure
from securefed.domain.privacy import (
    DpSgd,
    GaussianRelease,
    LaplaceRelease,
    Mechanism,
    PrivacyLoss,
    Sampling,
)
from securefed.domain.renyi import INFINITE, ORDERS, best_epsilon, loss_of_one

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
    assert abs(found.upper_bound - Decimal(by_renyi)) <= Decimal("0.001")
    # The references have a finer interval: never below them, and the same to three digits.
    assert -Decimal("0.0005") <= found.epsilon - Decimal(by_distribution) <= Decimal("0.003")


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


@settings(max_examples=60, deadline=None)
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
    (act, _), *_ = acts_of((work,)) or ()
    accountant = rdp.RdpAccountant(orders=list(ORDERS))
    accountant.compose(event(act))
    # dp-accounting subtracts from one and so has an absolute error; ours rounds up to 1e-12.
    for order, theirs in zip(ORDERS, accountant.rdp, strict=True):
        ours = float(loss_of_one(work, order))
        assert ours >= theirs * (1 - 1e-9) - 1e-13
        assert ours <= theirs * (1 + 1e-6) + 2e-12 or ours == math.inf


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
    ],
)
@pytest.mark.parametrize("delta", ["0.5", "1e-5", "1e-30"])
def test_extreme_work_has_a_sound_figure(work: Mechanism, delta: str) -> None:
    found = loss(work, delta=Decimal(delta))
    assert 0 <= found.epsilon <= found.upper_bound
    assert found.upper_bound <= best_epsilon((work,), Decimal(delta)) + Decimal("1e-6")


def test_rounding_never_makes_a_loss_vanish() -> None:
    # Here dp-accounting alone finds a divergence below zero at one order, and so ε = 0.
    act = Act("gaussian", 9013.692703118173, 2.332647580922424e-08)
    accountant = rdp.RdpAccountant()
    accountant.compose(event(act), 10**12)
    assert min(accountant.rdp) < 0
    assert accountant.get_epsilon(1e-12) == 0
    assert renyi_figure(((act, 10**12),), 1e-12) > 0


def test_the_accountants_name_says_where_epsilon_comes_from() -> None:
    assert loss(training("0.01", "1", 1000)).accountant == "dp-accounting 0.6.0 PLD"
    large = loss(training("1", "0.5", 1000))
    assert large.accountant == "dp-accounting 0.6.0 RDP"
    assert large.epsilon == large.upper_bound


@pytest.mark.parametrize(
    ("acts", "delta", "bound"),
    [
        (((Act("gaussian", 1.0, 0.01), 1000),), 1e-5, 51.0),
        (((Act("gaussian", 1000.0, 0.01), 10**6 + 1),), 1e-5, 1.0),
        (((Act("gaussian", 1.0, 0.01), 1000),), 1e-11, 1.0),
        (tuple((Act("gaussian", 100.0 + n, 1.0), 1) for n in range(65)), 1e-5, 1.0),
    ],
    ids=["large loss", "many times", "small delta", "many mechanisms"],
)
def test_distributions_are_left_out_where_unsound_or_dear(
    acts: Acts, delta: float, bound: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("dp_accounting.pld.PLDAccountant")
    assert distribution_figure(acts, delta, bound) == math.inf


def test_the_librarys_warnings_about_left_out_orders_stay_inside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    figures._renyi_of_one.cache_clear()
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
