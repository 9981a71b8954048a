"""A runner takes more than it was given: other tokens, more steps, another go, after the end."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from securefed.domain.event import RoundCommitted, StepsAuthorised
from securefed.domain.identifiers import Line, Name, RequestId
from securefed.domain.renyi import renyi_loss
from securefed.domain.round import RoundId, RoundState
from securefed.errors import (
    AllowanceExpired,
    ApprovalExhausted,
    ApprovalExpired,
    ApprovalMissing,
    ApprovalWithdrawn,
    NotAllowedHere,
    PlanStale,
    TransitionInvalid,
)
from securefed.parties.site import SiteParty
from securefed.steps.meter_round import (
    abort_round,
    authorise_steps,
    commit_round,
    find_round,
    refund_round,
    reserve_round,
)
from securefed.steps.prepare_site import register_data, suspend_account
from securefed.steps.settle_budget import close_ended, settle_after_crash
from tests.world import ADMISSIONS, REVIEWER, SCIENTIST, World

CAUSE = Name("test")


def attempt(request: RequestId, round_: int = 1, number: int = 1) -> RoundId:
    return RoundId(request=request, round=round_, attempt=number)


def approved(world: World) -> tuple[SiteParty, RequestId]:
    site = world.site()
    return site, world.approved(site)


def test_the_token_of_another_attempt_opens_nothing() -> None:
    world = World()
    site, request = approved(world)
    one, two = attempt(request, 1), attempt(request, 2)
    token_one = reserve_round(site.ledger, one, world.entropy)
    token_two = reserve_round(site.ledger, two, world.entropy)
    for id, wrong in ((one, token_two), (two, token_one)):
        with pytest.raises(TransitionInvalid, match="not this attempt's"):
            authorise_steps(site.ledger, replace(wrong, id=id), 1)
    assert find_round(site.ledger, one).steps_charged == 0


def test_a_token_from_before_a_crash_is_worth_nothing_after_it() -> None:
    world = World()
    site, request = approved(world)
    begun, waiting = attempt(request, 1), attempt(request, 2)
    tokens = [reserve_round(site.ledger, id, world.entropy) for id in (begun, waiting)]
    authorise_steps(site.ledger, tokens[0], 4)
    restarted = world.reopened()
    settle_after_crash(restarted.ledger)
    for token in tokens:
        with pytest.raises(TransitionInvalid, match="Cannot authorise steps"):
            authorise_steps(site.ledger, token, 5)
        with pytest.raises(TransitionInvalid, match="Cannot commit"):
            commit_round(site.ledger, token, 4, ())


@pytest.mark.parametrize("up_to", [-1, 0, 4, 17, 10**9])
def test_steps_are_not_taken_back_repeated_or_added_to_what_was_asked(up_to: int) -> None:
    world = World()
    site, request = approved(world)
    token = reserve_round(site.ledger, attempt(request), world.entropy)
    authorise_steps(site.ledger, token, 4)
    with pytest.raises(TransitionInvalid, match="is not between 5 and 16"):
        authorise_steps(site.ledger, token, up_to)


@pytest.mark.parametrize("ran", [0, 9, 11, 16])
def test_a_commit_of_fewer_or_more_steps_than_authorised_is_refused(ran: int) -> None:
    world = World()
    site, request = approved(world)
    token = reserve_round(site.ledger, attempt(request), world.entropy)
    authorise_steps(site.ledger, token, 10)
    with pytest.raises(TransitionInvalid, match="but 10 were authorised"):
        commit_round(site.ledger, token, ran, ())
    assert find_round(site.ledger, attempt(request)).state is RoundState.RUNNING


def test_steps_that_nobody_authorised_are_not_committed() -> None:
    world = World()
    site, request = approved(world)
    token = reserve_round(site.ledger, attempt(request), world.entropy)
    with pytest.raises(TransitionInvalid, match="Cannot commit: the attempt is reserved"):
        commit_round(site.ledger, token, 0, ())


def test_a_round_is_not_run_twice() -> None:
    world = World()
    site, request = approved(world)
    token = reserve_round(site.ledger, attempt(request), world.entropy)
    with pytest.raises(TransitionInvalid, match="Another attempt at this round is not settled"):
        reserve_round(site.ledger, attempt(request, 1, 2), world.entropy)
    with pytest.raises(TransitionInvalid, match="exists already"):
        reserve_round(site.ledger, attempt(request), world.entropy)
    authorise_steps(site.ledger, token, 16)
    commit_round(site.ledger, token, 16, ())
    with pytest.raises(TransitionInvalid, match="committed already"):
        reserve_round(site.ledger, attempt(request, 1, 2), world.entropy)
    acts: list[Callable[[], object]] = [
        lambda: authorise_steps(site.ledger, token, 16),
        lambda: commit_round(site.ledger, token, 16, ()),
        lambda: abort_round(site.ledger, attempt(request), CAUSE),
        lambda: refund_round(site.ledger, attempt(request), CAUSE),
    ]
    for act in acts:
        with pytest.raises(TransitionInvalid, match="the attempt is committed"):
            act()


def test_failing_on_purpose_uses_up_the_approval_and_the_budget() -> None:
    world = World(rounds=2, spare=1)
    site, request = approved(world)
    for number in (1, 2, 3):
        token = reserve_round(site.ledger, attempt(request, 1, number), world.entropy)
        authorise_steps(site.ledger, token, 16)
        abort_round(site.ledger, attempt(request, 1, number), Name("not-a-number"))
    with pytest.raises(ApprovalExhausted):
        reserve_round(site.ledger, attempt(request, 1, 4), world.entropy)
    with pytest.raises(ApprovalExhausted):
        reserve_round(site.ledger, attempt(request, 2), world.entropy)
    site.revoke(request, world.acting(REVIEWER))
    book = site.register().book(ADMISSIONS)
    training = book.holds[request].request.part.training
    assert book.spent == renyi_loss(training.repeated(48), 7)


def test_steps_are_not_authorised_after_the_revocation_and_what_ran_is_charged() -> None:
    world = World()
    site, request = approved(world)
    token = reserve_round(site.ledger, attempt(request), world.entropy)
    authorise_steps(site.ledger, token, 6)
    site.revoke(request, world.acting(REVIEWER))
    with pytest.raises(ApprovalWithdrawn, match="is revoked"):
        authorise_steps(site.ledger, token, 7)
    with pytest.raises(TransitionInvalid):
        commit_round(site.ledger, token, 6, ())
    book = site.register().book(ADMISSIONS)
    assert find_round(site.ledger, attempt(request)).state is RoundState.ABORTED
    assert book.spent == renyi_loss(book.holds[request].request.part.training.repeated(6), 7)


def test_denied_pending_expired_and_complete_requests_do_not_run() -> None:
    world = World(rounds=1)
    site = world.site()
    pending = world.file(site)
    with pytest.raises(ApprovalMissing):
        reserve_round(site.ledger, attempt(pending), world.entropy)
    site.deny(pending, world.acting(REVIEWER))
    with pytest.raises(ApprovalWithdrawn, match="is denied"):
        reserve_round(site.ledger, attempt(pending), world.entropy)
    world.study = "complete"
    complete = world.approved(site)
    token = reserve_round(site.ledger, attempt(complete), world.entropy)
    authorise_steps(site.ledger, token, 16)
    commit_round(site.ledger, token, 16, ())
    close_ended(site.ledger)
    with pytest.raises(ApprovalWithdrawn, match="is completed"):
        reserve_round(site.ledger, attempt(complete), world.entropy)
    world.study = "late"
    late = world.approved(site)
    token = reserve_round(site.ledger, attempt(late), world.entropy)
    world.wait(days=7)
    for act in (
        lambda: authorise_steps(site.ledger, token, 1),
        lambda: reserve_round(site.ledger, attempt(late, 1, 2), world.entropy),
    ):
        with pytest.raises(ApprovalExpired):
            act()


def test_an_allowance_that_ends_stops_rounds_that_are_running() -> None:
    world = World()
    site = world.site()
    world.grant(site, valid_days=1)
    request = world.approved(site)
    token = reserve_round(site.ledger, attempt(request), world.entropy)
    authorise_steps(site.ledger, token, 4)
    world.wait(days=1)
    with pytest.raises(AllowanceExpired):
        authorise_steps(site.ledger, token, 5)
    with pytest.raises(AllowanceExpired):
        reserve_round(site.ledger, attempt(request, 2), world.entropy)
    commit_round(site.ledger, token, 4, ())


def test_the_requests_of_a_suspended_scientist_stop() -> None:
    world = World()
    site, request = approved(world)
    token = reserve_round(site.ledger, attempt(request), world.entropy)
    suspend_account(site.ledger, SCIENTIST, world.acting())
    with pytest.raises(NotAllowedHere, match="dana is suspended"):
        authorise_steps(site.ledger, token, 1)
    with pytest.raises(NotAllowedHere, match="dana is suspended"):
        reserve_round(site.ledger, attempt(request, 2), world.entropy)


def test_an_approval_does_not_cover_data_that_were_exchanged_since() -> None:
    world = World()
    site, request = approved(world)
    card = replace(world.card(version=2), title=Line("Admissions with free text"))
    register_data(site.ledger, card, world.acting())
    with pytest.raises(PlanStale, match="data card is not the one that was approved"):
        reserve_round(site.ledger, attempt(request), world.entropy)


def test_the_ledger_itself_checks_what_the_steps_check() -> None:
    """A process that writes entries without the steps still charges what it may run."""
    world = World(metrics_noise=Decimal(8))
    site, request = approved(world)
    reserve_round(site.ledger, attempt(request), world.entropy)
    with pytest.raises(TransitionInvalid):
        site.ledger.record(StepsAuthorised(id=attempt(request), up_to=17))
    with pytest.raises(TransitionInvalid):
        site.ledger.record(RoundCommitted(id=attempt(request), steps_run=0, released=()))
    with pytest.raises(TransitionInvalid, match="no such attempt"):
        site.ledger.record(StepsAuthorised(id=attempt(request, 2), up_to=1))
