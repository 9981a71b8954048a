"""Planning over the accountant: what it says agrees with what admission later decides."""

from decimal import Decimal

from securefed.adapters.memory import MemoryAccountant
from securefed.domain.budget import Book
from securefed.domain.planning import PlannedRound
from securefed.domain.request import CodeRequest
from securefed.steps.plan_budget import (
    Population,
    cost_of,
    fitting,
    fitting_left,
    planned,
    usefulness,
)
from tests.world import ADMISSIONS, OTHER_SCIENTIST, World

DELTA = Decimal("1e-6")


def one(world: World) -> PlannedRound:
    return planned(world.attempt("hospital-a"))


def fits_what_is_left(book: Book, asked: CodeRequest) -> bool:
    return book.need(asked) <= book.left_for(asked.requester)


def test_the_cost_is_the_accountants_and_the_curve_ends_there() -> None:
    world = World(metrics_noise=Decimal(30))
    figures = cost_of(one(world), 5, DELTA, MemoryAccountant())
    assert figures.loss == MemoryAccountant().loss(world.whole_study().whole("hospital-a"), DELTA)
    assert figures.curve[-1].epsilon == figures.loss.epsilon


def test_what_fits_costs_at_most_the_target() -> None:
    accountant, target = MemoryAccountant(), Decimal("1.5")
    plan = one(World())
    fits = fitting(plan, 5, DELTA, target, accountant)
    assert fits.noise_multiplier is not None
    assert fits.sampling_rate is not None
    for changed, rounds in (
        (plan.with_noise(fits.noise_multiplier), 5),
        (plan.with_rate(fits.sampling_rate), 5),
        (plan, fits.rounds),
    ):
        assert accountant.loss(changed.times(rounds), DELTA).epsilon <= target


def test_what_fits_what_is_left_is_exactly_what_admission_lets_through() -> None:
    world = World(epsilon=Decimal(2), rounds=3)
    site = world.site()
    world.approved(site)
    world.study = "next"
    asked = world.request().request
    book = site.register().book(ADMISSIONS)
    fits = fitting_left(book, asked, site.ledger.now())
    world.rounds = fits.rounds
    assert fits_what_is_left(book, world.request().request)
    world.rounds = fits.rounds + 1
    assert not fits_what_is_left(book, world.request().request)


def test_a_requesters_own_share_limits_what_is_left() -> None:
    from securefed.domain.allowance import RequesterShare
    from securefed.steps.prepare_site import AllowanceAsked, grant_allowance

    world = World()
    site = world.site()
    share = RequesterShare(account=OTHER_SCIENTIST, epsilon=Decimal("2"))
    asked = AllowanceAsked(
        dataset=ADMISSIONS, epsilon=world.epsilon, delta=world.delta, shares=(share,)
    )
    grant_allowance(site.ledger, asked, world.acting())
    book, now = site.register().book(ADMISSIONS), site.ledger.now()
    own = fitting_left(book, world.request(by=OTHER_SCIENTIST).request, now)
    others = fitting_left(book, world.request().request, now)
    assert own.rounds < others.rounds


def test_thirty_units_are_told_that_nothing_is_of_use() -> None:
    few = Population(units=30, parameters=10_402)
    use = usefulness(one(World()), 5, Decimal("1e-3"), few, MemoryAccountant())
    assert use.least_epsilon is None
    many = Population(units=50_000, parameters=12)
    use = usefulness(one(World()), 5, DELTA, many, MemoryAccountant())
    assert use.least_epsilon is not None
    assert use.signal > 1
