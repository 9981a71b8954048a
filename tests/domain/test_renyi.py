"""The arithmetic of admission: checked against integrals, exact formulas and published values."""

import math
from dataclasses import replace
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.privacy import (
    DpSgd,
    GaussianRelease,
    LaplaceRelease,
    Mechanism,
    Sampling,
)
from securefed.domain.renyi import (
    INFINITE,
    ORDERS,
    best_epsilon,
    budget_at,
    epsilon_at,
    filter_order,
    loss_of_one,
    renyi_loss,
    total_at,
)
from securefed.errors import AllowanceInvalid
from tests.domain import quadrature


def training(noise: str, rate: str, steps: int = 1) -> DpSgd:
    return DpSgd(
        noise_multiplier=Decimal(noise),
        sampling_rate=Decimal(rate),
        sampling=Sampling.POISSON,
        steps=steps,
        clip=Decimal(1),
    )


def gaussian(noise: str, releases: int = 1) -> GaussianRelease:
    return GaussianRelease(noise_multiplier=Decimal(noise), releases=releases)


SETTINGS = [
    (rate, noise, order)
    for rate in ("0.001", "0.01", "0.1", "0.5", "0.99", "1")
    for noise, orders in (("0.5", (2, 8)), ("1.1", (2, 3, 8, 32)), ("6", (2, 7, 64, 256)))
    for order in orders
]


@pytest.mark.parametrize(("rate", "noise", "order"), SETTINGS)
def test_the_sampled_gaussian_agrees_with_its_integral_and_is_never_below(
    rate: str, noise: str, order: int
) -> None:
    ours = float(loss_of_one(training(noise, rate), order))
    integral = quadrature.sampled_gaussian(float(rate), float(noise), order)
    assert ours == pytest.approx(integral, rel=1e-6)
    assert ours >= integral * (1 - 1e-12)


@pytest.mark.parametrize(
    ("rate", "noise", "order"), [("0.01", "1.1", 8), ("0.3", "1", 4), ("0.9", "2", 3)]
)
def test_removing_a_unit_costs_no_more_than_adding_it(rate: str, noise: str, order: int) -> None:
    ours = float(loss_of_one(training(noise, rate), order))
    assert quadrature.sampled_gaussian_reversed(float(rate), float(noise), order) <= ours


@pytest.mark.parametrize("order", [2, 3, 8, 64])
@pytest.mark.parametrize("scale", ["0.2", "1", "5", "40"])
def test_laplace_agrees_with_its_integral_and_is_never_below(scale: str, order: int) -> None:
    ours = float(loss_of_one(LaplaceRelease(scale=Decimal(scale), releases=1), order))
    integral = quadrature.laplace(float(scale), order)
    assert ours == pytest.approx(integral, rel=1e-6)
    assert ours >= integral * (1 - 1e-9)


@pytest.mark.parametrize("order", ORDERS)
def test_a_gaussian_release_costs_order_over_twice_the_variance(order: int) -> None:
    exact = Decimal(order) / (2 * Decimal("1.7") ** 2)
    ours = loss_of_one(gaussian("1.7"), order)
    assert exact <= ours <= exact * Decimal("1.00000001") + Decimal("1e-12")
    assert ours == loss_of_one(training("1.7", "1"), order)


@pytest.mark.parametrize(
    ("rate", "noise", "steps", "rdp", "pld"),
    [
        ("0.01", "1", 1000, "2.101", "1.828"),
        ("0.004", "0.8", 5000, "2.925", "2.499"),
        ("0.05", "2", 400, "2.461", "2.246"),
        ("1", "20", 100, "2.166", "1.993"),
    ],
)
def test_reports_are_close_to_published_values_and_above_the_tight_ones(
    rate: str, noise: str, steps: int, rdp: str, pld: str
) -> None:
    ours = best_epsilon((training(noise, rate, steps),), Decimal("1e-5"))
    assert Decimal(pld) < ours
    assert abs(ours - Decimal(rdp)) < Decimal("0.01")


@pytest.mark.parametrize("noise", ["0.7", "1", "3", "20"])
@pytest.mark.parametrize("order", [2, 5, 20, 100])
def test_the_conversion_holds_for_the_gaussian_whose_delta_is_known(noise: str, order: int) -> None:
    delta = Decimal("1e-5")
    epsilon = epsilon_at(loss_of_one(gaussian(noise), order), order, delta)
    assert quadrature.gaussian_delta(float(noise), float(epsilon)) <= float(delta)


@given(st.sampled_from(ORDERS), st.decimals("0.000000001", "0.5", places=9))
def test_the_conversion_is_the_formula_rounded_up(order: int, delta: Decimal) -> None:
    with localcontext() as context:
        context.prec = 50
        formula = (1 - Decimal(1) / order).ln() - (delta.ln() + Decimal(order).ln()) / (order - 1)
    added = Decimal(1000) - budget_at(order, Decimal(1000), delta)
    assert formula <= added <= formula + abs(formula) * Decimal("1e-8") + Decimal("1e-11")
    assert epsilon_at(Decimal(1000), order, delta) == 1000 + added


def test_an_epsilon_is_never_negative_and_infinity_stays_infinite() -> None:
    assert epsilon_at(Decimal(0), 512, Decimal("0.999")) == 0
    assert epsilon_at(INFINITE, 8, Decimal("1e-6")) == INFINITE
    assert best_epsilon((), Decimal("1e-6")) == 0


@given(
    rate=st.decimals("0.0001", "1", places=4),
    noise=st.decimals("0.3", "50", places=2),
    order=st.sampled_from(ORDERS[:-1]),
)
def test_more_noise_less_sampling_and_a_lower_order_never_cost_more(
    rate: Decimal, noise: Decimal, order: int
) -> None:
    one = training(str(noise), str(rate))
    loss = loss_of_one(one, order)
    following = ORDERS[ORDERS.index(order) + 1]
    slack = Decimal("1.00000001")
    assert loss_of_one(replace(one, noise_multiplier=2 * noise), order) <= loss
    assert loss_of_one(replace(one, sampling_rate=rate / 2), order) <= loss
    assert loss <= loss_of_one(one, following) * slack
    assert loss <= loss_of_one(gaussian(str(noise)), order) * slack


def test_even_the_least_loss_is_counted() -> None:
    faint = training("1000000000000", "0." + "0" * 29 + "1")
    assert loss_of_one(faint, 2) == Decimal("1e-12")
    assert renyi_loss(replace(faint, steps=10**12), 2) == 1
    for scale in range(13):
        broad = LaplaceRelease(scale=Decimal(10) ** scale, releases=1)
        assert loss_of_one(broad, 2) >= (1 - Decimal(10) ** -scale) / Decimal(10) ** (2 * scale)


def test_repeating_costs_exactly_as_often() -> None:
    one, counted = training("1.1", "0.01"), gaussian("3", releases=7)
    assert renyi_loss(one.repeated(1000), 7) == 1000 * loss_of_one(one, 7)
    assert total_at((one.repeated(5), counted), 7) == 5 * loss_of_one(one, 7) + renyi_loss(
        counted, 7
    )
    assert total_at((), 7) == 0


@pytest.mark.parametrize(
    "mechanism",
    [
        replace(training("1.1", "0.01"), sampling=Sampling.SHUFFLE),
        training("0." + "0" * 29 + "1", "0.01"),
        gaussian("0." + "0" * 29 + "1"),
        LaplaceRelease(scale=Decimal("1e-30"), releases=1),
        gaussian("0.00001"),
    ],
)
@pytest.mark.parametrize("order", [2, 512])
def test_what_has_no_accounting_or_no_noise_costs_infinitely_much(
    mechanism: Mechanism, order: int
) -> None:
    assert loss_of_one(mechanism, order) == INFINITE
    assert renyi_loss(mechanism.repeated(3), order) == INFINITE
    assert best_epsilon((mechanism,), Decimal("1e-6")) == INFINITE


@given(
    epsilon=st.decimals("0.1", "100", places=2), delta=st.decimals("0.000000001", "0.1", places=9)
)
def test_the_filter_takes_the_least_order_that_keeps_nine_tenths_of_the_most(
    epsilon: Decimal, delta: Decimal
) -> None:
    room = {order: budget_at(order, epsilon, delta) / order for order in ORDERS}
    if max(room.values()) <= 0:
        with pytest.raises(AllowanceInvalid, match="leaves nothing to spend"):
            filter_order(epsilon, delta)
        return
    chosen = filter_order(epsilon, delta)
    enough = Decimal("0.9") * max(room.values())
    assert room[chosen] >= enough
    assert all(room[order] < enough for order in ORDERS if order < chosen)


@pytest.mark.parametrize(
    ("epsilon", "delta", "order"), [("1", "1e-5", 14), ("3", "1e-6", 7), ("8", "1e-5", 4)]
)
def test_the_order_of_usual_allowances(epsilon: str, delta: str, order: int) -> None:
    assert filter_order(Decimal(epsilon), Decimal(delta)) == order


def test_an_allowance_without_room_at_any_order_has_no_filter() -> None:
    with pytest.raises(AllowanceInvalid):
        filter_order(Decimal("0.01"), Decimal("1e-9"))


def test_the_filter_admits_about_as_much_as_the_best_order_would() -> None:
    """A hundred equal jobs: what a fixed order admits is within a third of what hindsight would."""
    epsilon, delta = Decimal(3), Decimal("1e-6")
    job, order = training("1.1", "0.01", 16), filter_order(epsilon, delta)
    admitted = math.floor(budget_at(order, epsilon, delta) / renyi_loss(job, order))
    hindsight = next(
        jobs
        for jobs in range(1, 10_000)
        if best_epsilon((job.repeated(16 * (jobs + 1)),), delta) > epsilon
    )
    assert best_epsilon((job.repeated(16 * admitted),), delta) <= epsilon
    assert admitted <= hindsight <= admitted * 4 / 3
