"""Composed distributions: the same figures however they came about, and little work for more."""

import random
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import dp_accounting
import pytest
from dp_accounting import dp_event, pld

from securefed.adapters.odometer import Odometer, distributions
from securefed.adapters.odometer.acts import Act, Acts
from securefed.adapters.odometer.distributions import composed
from securefed.adapters.odometer.gaussian_step import gaussian_step
from securefed.domain.privacy import Adjacency, DpSgd, GaussianRelease, LaplaceRelease, Sampling

pytestmark = pytest.mark.slow

GRID = 1e-3


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    """Nothing is kept from one test to the next."""
    caches = (distributions._kept, distributions._repeated, distributions._once)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def history(jobs: int, seed: int = 1) -> Acts:
    """Jobs that all differ."""
    draw = random.Random(seed)
    acts = (
        Act("gaussian", round(draw.uniform(2, 4), 6), round(draw.uniform(0.001, 0.01), 6))
        for _ in range(jobs)
    )
    return tuple(sorted((act, draw.randint(1, 40)) for act in acts))


def epsilon(acts: Acts, adjacency: Adjacency = Adjacency.ADD_REMOVE) -> float:
    return float(composed(acts, adjacency, GRID).get_epsilon_for_delta(1e-6))


@pytest.mark.parametrize("jobs", [1, 2, 7, 8, 30])
def test_a_tree_composes_what_the_librarys_own_accountant_does(jobs: int) -> None:
    acts = history(jobs)
    accountant = pld.PLDAccountant(value_discretization_interval=GRID)
    for act, times in acts:
        gaussian = dp_event.GaussianDpEvent(act.noise)
        accountant.compose(dp_event.PoissonSampledDpEvent(act.rate, gaussian), times)
    assert epsilon(acts) == pytest.approx(accountant.get_epsilon(1e-6), rel=1e-6)


def test_what_was_asked_before_changes_no_bit_of_a_figure() -> None:
    acts = history(30)
    alone = epsilon(acts)
    distributions._kept.cache_clear()
    for shorter in (10, 20, 25, 29):
        epsilon(acts[:shorter])
    assert epsilon(acts) == alone
    assert epsilon(tuple(reversed(acts))) == alone


@pytest.mark.parametrize("replaced", [False, True], ids=["add or remove", "replace"])
@pytest.mark.parametrize(
    ("noise", "rate"),
    [
        (1.0, 0.01),
        (0.6, 0.001),
        (5.0, 0.5),
        (0.2, 1e-6),
        (300.0, 0.02),
        (1.0, 1 - 1e-12),
        (1.0, 0.9999999999999999),
        (1.0, 1e-30),
        (2.0, 1.0),
        (0.15, 1.0),
    ],
)
def test_a_step_has_the_distribution_that_the_library_makes(
    noise: float, rate: float, replaced: bool
) -> None:
    relation = (
        dp_accounting.NeighboringRelation.REPLACE_ONE
        if replaced
        else dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE
    )
    library = pld.privacy_loss_distribution.from_gaussian_mechanism(
        noise,
        sampling_prob=rate,
        value_discretization_interval=GRID,
        neighboring_relation=relation,
    )
    ours = gaussian_step(noise, rate, GRID, replaced=replaced)
    for theirs, made in ((library, ours), (library.self_compose(9), ours.self_compose(9))):
        for epsilon in (0.0, 0.01, 0.3, 1.0, 4.0, 12.0):
            found = made.get_delta_for_epsilon(epsilon)
            assert found == pytest.approx(theirs.get_delta_for_epsilon(epsilon), abs=1e-14)


def composed_anew(acts: Acts, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many compositions a figure takes with what is kept."""
    calls = Counter[str]()
    kind = pld.privacy_loss_distribution.PrivacyLossDistribution
    compose = kind.compose

    def counted(*those: object) -> object:
        calls["compose"] += 1
        return compose(*those)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "compose", counted)
        epsilon(acts)
    return calls["compose"]


def test_one_job_more_costs_few_compositions(monkeypatch: pytest.MonkeyPatch) -> None:
    acts = history(100)
    assert composed_anew(acts[1:], monkeypatch) == 98
    assert 1 <= composed_anew(acts, monkeypatch) <= 16
    [(act, times), *others] = acts
    assert 1 <= composed_anew(((act, times + 5), *others), monkeypatch) <= 16
    assert composed_anew(acts, monkeypatch) == 0


def test_more_than_a_hundred_mechanisms_have_a_tight_figure() -> None:
    work = tuple(
        DpSgd(
            noise_multiplier=Decimal(300 + jobs) / 100,
            sampling_rate=Decimal("0.002"),
            sampling=Sampling.POISSON,
            steps=5 + jobs,
            clip=Decimal(1),
        )
        for jobs in range(110)
    )
    found = Odometer().loss(work, Decimal("1e-6"))
    assert found.accountant.endswith("PLD")
    assert found.epsilon < found.upper_bound
    assert found.epsilon < found.replace_one


@pytest.mark.parametrize(
    "work",
    [
        DpSgd.full_batch(Decimal(2)),
        GaussianRelease(noise_multiplier=Decimal(2), releases=1),
        LaplaceRelease(scale=Decimal(2), releases=1),
    ],
    ids=["full batch", "gaussian", "laplace"],
)
def test_replacing_a_unit_doubles_the_sensitivity(
    work: DpSgd | GaussianRelease | LaplaceRelease,
) -> None:
    halved = (
        LaplaceRelease(scale=Decimal(1), releases=1)
        if isinstance(work, LaplaceRelease)
        else GaussianRelease(noise_multiplier=Decimal(1), releases=1)
    )
    replaced = Odometer().loss((work,), Decimal("1e-5")).replace_one
    doubled = Odometer().loss((halved,), Decimal("1e-5")).epsilon
    assert replaced == pytest.approx(doubled, abs=Decimal("0.001"))


def test_replacing_falls_back_to_divergences_where_no_distribution_is_made() -> None:
    work = DpSgd.full_batch(Decimal("0.05"))
    found = Odometer().loss((work,), Decimal("1e-5"))
    assert found.accountant.endswith("RDP")
    # A Gaussian with half the noise: four times the divergence, at the library's order near one.
    assert 4 * found.epsilon < found.replace_one < 6 * found.epsilon
