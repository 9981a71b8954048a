"""The budget of a dataset: reserved and spent never pass the cap, and are given back once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from securefed.domain.allowance import Allowance, RequesterShare, allowance
from securefed.domain.budget import Book, percent
from securefed.domain.identifiers import AccountId, DatasetId, Name
from securefed.domain.privacy import Sampling
from securefed.domain.renyi import renyi_loss
from securefed.domain.request import CodeRequest
from securefed.domain.round import Round, RoundId, RoundState, attempt_loss
from securefed.errors import (
    AllowanceBelowSpent,
    AllowanceExpired,
    AllowanceInvalid,
    AllowanceMissing,
    ApprovalExhausted,
    BudgetInsufficient,
    TransitionInvalid,
)
from tests.world import ADMISSIONS, OTHER_SCIENTIST, SCIENTIST, START, World, digest

THREE = allowance(ADMISSIONS, Decimal(3), Decimal("1e-6"))


def request(world: World | None = None, by: AccountId = SCIENTIST) -> CodeRequest:
    return (world or World(spare=1, metrics_noise=Decimal(8))).request(by=by).request


def book(granted: Allowance = THREE) -> Book:
    made = Book(ADMISSIONS)
    made.grant(granted)
    return made


def attempt(asked: CodeRequest, number: int = 1, again: int = 1) -> Round:
    return Round(
        id=RoundId(request=asked.request, round=number, attempt=again),
        state=RoundState.RESERVED,
        token=digest(f"{number} {again}"),
        steps_asked=asked.part.training.steps,
        steps_charged=0,
    )


# --- granting ------------------------------------------------------------------------------------


def test_nothing_is_spent_without_an_allowance_or_after_its_end() -> None:
    with pytest.raises(AllowanceMissing):
        Book(ADMISSIONS).granted()
    ended = book(replace(THREE, expires_at=START))
    assert ended.granted(START - timedelta(seconds=1)) == ended.granted()
    with pytest.raises(AllowanceExpired, match="ended at 2026-11-21 09:00Z"):
        ended.granted(START)
    with pytest.raises(AllowanceExpired):
        ended.reserve(request(), START)
    assert not ended.holds


def test_an_allowance_for_other_data_is_refused() -> None:
    with pytest.raises(TransitionInvalid, match="An allowance for labs"):
        book(replace(THREE, dataset=DatasetId("labs")))


def test_the_order_is_free_until_the_first_reservation_and_fixed_for_ever_after() -> None:
    kept = book()
    assert [kept.fixed_order] == [None]
    kept.grant(replace(THREE, order=9))
    asked = request()
    kept.reserve(asked, START)
    assert [kept.fixed_order] == [9]
    with pytest.raises(AllowanceInvalid, match="The order is 9 since the first approval"):
        kept.grant(THREE)
    kept.close(asked.request)
    with pytest.raises(AllowanceInvalid):
        kept.grant(THREE)
    kept.grant(allowance(ADMISSIONS, Decimal(4), Decimal("1e-6"), order=9))


def test_an_allowance_is_never_lowered_below_what_is_counted() -> None:
    kept = book()
    kept.reserve(request(), START)
    least = kept.counted + (THREE.epsilon - THREE.cap)
    kept.grant(allowance(ADMISSIONS, least, THREE.delta, order=7))
    before = kept.allowance
    with pytest.raises(AllowanceBelowSpent):
        kept.grant(allowance(ADMISSIONS, least - Decimal("1e-12"), THREE.delta, order=7))
    with pytest.raises(AllowanceBelowSpent):
        kept.grant(allowance(ADMISSIONS, least, THREE.delta / 2, order=7))
    assert kept.allowance is before


def test_an_allowance_is_never_lowered_below_what_all_accounts_have_together() -> None:
    kept, asked = book(), request(World(rounds=50))
    kept.reserve(asked, START)
    kept.reserve(request(World(rounds=50), by=OTHER_SCIENTIST), START)
    enough_for_one = kept.need(asked) * Decimal("1.5") + (THREE.epsilon - THREE.cap)
    with pytest.raises(AllowanceBelowSpent, match="less than what admissions has spent"):
        kept.grant(allowance(ADMISSIONS, enough_for_one, THREE.delta, order=7))


def test_a_share_is_never_lowered_below_what_its_account_has() -> None:
    kept = book()
    kept.reserve(request(), START)
    room = THREE.epsilon - THREE.cap
    small = RequesterShare(account=SCIENTIST, epsilon=room + Decimal("0.000001"))
    with pytest.raises(AllowanceBelowSpent, match="dana has already spent more"):
        kept.grant(replace(THREE, shares=(small,)))
    kept.grant(replace(THREE, shares=(replace(small, account=OTHER_SCIENTIST),)))


# --- reserving and giving back -------------------------------------------------------------------


def test_reserving_holds_everything_that_a_request_could_cost() -> None:
    kept, asked = book(), request()
    need = attempt_loss(asked.part, 7) * 6
    assert kept.need(asked) == need
    kept.reserve(asked, START)
    assert kept.counted == kept.reserved == kept.counted_for(SCIENTIST) == need
    assert kept.spent == kept.counted_for(OTHER_SCIENTIST) == 0
    assert kept.mechanisms() == kept.mechanisms(SCIENTIST) == asked.whole
    assert kept.mechanisms(OTHER_SCIENTIST) == ()
    with pytest.raises(TransitionInvalid, match="holds its reservation already"):
        kept.reserve(asked, START)


def test_the_cap_covers_all_requesters_together() -> None:
    kept = book()
    granted = 0
    for number in range(1000):
        world = World(rounds=20, study=f"study-{number}")
        by = (SCIENTIST, OTHER_SCIENTIST)[number % 2]
        try:
            kept.reserve(request(world, by), START)
        except BudgetInsufficient:
            break
        granted += 1
    assert granted > 1
    assert kept.counted <= THREE.cap < kept.counted + kept.need(request(World(rounds=20)))


def test_a_request_that_exactly_fits_is_admitted_and_one_grain_less_room_refuses_it() -> None:
    asked = request()
    need = attempt_loss(asked.part, 7) * 6
    exact = need + (THREE.epsilon - THREE.cap)
    tight = book(allowance(ADMISSIONS, exact, THREE.delta, order=7))
    tight.reserve(asked, START)
    assert tight.counted == tight.granted().cap
    short = book(allowance(ADMISSIONS, exact - Decimal("1e-12"), THREE.delta, order=7))
    with pytest.raises(BudgetInsufficient, match=r"needs 100\.0 % of the allowance of admissions"):
        short.reserve(asked, START)
    assert not short.holds
    assert short.counted == 0


def test_a_share_refuses_its_account_and_nobody_else() -> None:
    asked = request()
    room = THREE.epsilon - THREE.cap
    share = RequesterShare(account=SCIENTIST, epsilon=room + attempt_loss(asked.part, 7) * 5)
    kept = book(replace(THREE, shares=(share,)))
    with pytest.raises(BudgetInsufficient):
        kept.reserve(asked, START)
    kept.reserve(request(by=OTHER_SCIENTIST), START)


def test_a_share_covers_all_requests_of_its_account_together() -> None:
    first, second = request(), request(World(study="second", spare=1, metrics_noise=Decimal(8)))
    room = THREE.epsilon - THREE.cap
    share = RequesterShare(account=SCIENTIST, epsilon=room + attempt_loss(first.part, 7) * 9)
    kept = book(replace(THREE, shares=(share,)))
    kept.reserve(first, START)
    with pytest.raises(BudgetInsufficient):
        kept.reserve(second, START)
    kept.close(first.request)
    kept.reserve(second, START)


def test_what_has_no_accounting_is_never_reserved() -> None:
    with pytest.raises(BudgetInsufficient, match="needs infinitely much"):
        book().reserve(request(World(sampling=Sampling.SHUFFLE)), START)


def test_closing_charges_what_ran_and_gives_the_rest_back() -> None:
    kept, asked = book(), request()
    kept.reserve(asked, START)
    part = asked.part
    assert part.metrics is not None
    for number, steps in ((1, 16), (2, 5), (3, 0)):
        kept.begin(attempt(asked, number))
        if steps:
            kept.advance(kept.round(attempt(asked, number).id).authorised(steps))
    kept.advance(kept.round(attempt(asked, 1).id).committed(16, ()))
    kept.close(asked.request)
    charged = renyi_loss(part.training.repeated(21), 7) + 2 * renyi_loss(part.metrics, 7)
    assert kept.spent == kept.counted == kept.counted_for(SCIENTIST) == charged
    assert kept.reserved == 0
    assert kept.mechanisms() == (part.training.repeated(21), part.metrics.repeated(2))
    states = [one.state for one in kept.holds[asked.request].rounds.values()]
    assert states == [RoundState.COMMITTED, RoundState.ABORTED, RoundState.REFUNDED]


def test_a_closed_request_moves_no_more() -> None:
    kept, asked = book(), request()
    kept.reserve(asked, START)
    kept.begin(attempt(asked))
    kept.close(asked.request)
    acts: list[Callable[[], None]] = [
        lambda: kept.close(asked.request),
        lambda: kept.begin(attempt(asked, 2)),
        lambda: kept.advance(attempt(asked)),
        lambda: kept.close(request(World(study="other")).request),
    ]
    for act in acts:
        with pytest.raises(TransitionInvalid, match="holds no reservation"):
            act()


# --- attempts ------------------------------------------------------------------------------------


def test_an_attempt_begins_once_reserved_and_uncharged() -> None:
    kept, asked = book(), request()
    kept.reserve(asked, START)
    for wrong in (
        replace(attempt(asked), state=RoundState.RUNNING),
        replace(attempt(asked), steps_charged=1),
        replace(attempt(asked), steps_asked=17),
    ):
        with pytest.raises(TransitionInvalid, match="begins reserved, with no step charged"):
            kept.begin(wrong)
    kept.begin(attempt(asked))
    with pytest.raises(TransitionInvalid, match="exists already"):
        kept.begin(attempt(asked))
    with pytest.raises(TransitionInvalid, match="Another attempt at this round is not settled"):
        kept.begin(attempt(asked, again=2))


def test_a_committed_round_is_not_run_again() -> None:
    kept, asked = book(), request()
    kept.reserve(asked, START)
    kept.begin(attempt(asked))
    kept.advance(attempt(asked).authorised(16).committed(16, ()))
    with pytest.raises(TransitionInvalid, match="This round is committed already"):
        kept.begin(attempt(asked, again=2))
    assert kept.holds[asked.request].rounds_committed == 1


def test_attempts_end_with_the_spare_ones_and_refunded_ones_do_not_count() -> None:
    kept, asked = book(), request(World(rounds=2, spare=1))
    kept.reserve(asked, START)
    for again in range(1, 5):
        kept.begin(attempt(asked, again=again))
        kept.advance(attempt(asked, again=again).refunded(Name("test")))
    for again in range(5, 8):
        assert kept.holds[asked.request].attempts_left() == 8 - again
        kept.begin(attempt(asked, again=again))
        kept.advance(attempt(asked, again=again).authorised(1).aborted(Name("test")))
    with pytest.raises(ApprovalExhausted, match="2 rounds and 1 spare attempts"):
        kept.begin(attempt(asked, 2))
    assert kept.holds[asked.request].charged == 3 * renyi_loss(asked.part.training.repeated(1), 7)


def test_attempts_that_never_begin_do_not_fill_a_ledger() -> None:
    kept, asked = book(), request(World(rounds=1))
    kept.reserve(asked, START)
    for again in range(1, 102):
        kept.begin(attempt(asked, again=again))
        kept.advance(attempt(asked, again=again).refunded(Name("test")))
    with pytest.raises(ApprovalExhausted, match="never began"):
        kept.begin(attempt(asked, again=102))
    assert kept.holds[asked.request].charged == 0


def test_a_round_beyond_the_last_is_not_approved() -> None:
    kept, asked = book(), request(World(rounds=2))
    kept.reserve(asked, START)
    with pytest.raises(ApprovalExhausted):
        kept.begin(attempt(asked, 3))


def test_an_attempt_that_was_never_begun_is_not_found() -> None:
    kept, asked = book(), request()
    with pytest.raises(TransitionInvalid, match="There is no such attempt"):
        kept.round(attempt(asked).id)
    kept.reserve(asked, START)
    with pytest.raises(TransitionInvalid, match="There is no such attempt"):
        kept.advance(attempt(asked))


@pytest.mark.parametrize(
    ("part", "text"),
    [("1", "33.3 %"), ("3", "100.0 %"), ("0", "0.0 %"), ("Infinity", "infinitely")],
)
def test_a_share_of_the_allowance_is_worded(part: str, text: str) -> None:
    assert percent(Decimal(part), Decimal(3)).startswith(text)
