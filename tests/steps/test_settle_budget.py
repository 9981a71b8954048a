"""What has ended is closed; after a crash a begun attempt is charged for what may have run."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from securefed.adapters.memory import MemoryLedger, MemoryWriter
from securefed.domain.identifiers import Name, RequestId
from securefed.domain.ledger import Head, StoredEntry
from securefed.domain.renyi import renyi_loss
from securefed.domain.request import RequestState
from securefed.domain.round import RoundId, RoundState
from securefed.parties.site import SiteParty
from securefed.steps.meter_round import (
    authorise_steps,
    commit_round,
    find_round,
    refund_round,
    reserve_round,
)
from securefed.steps.settle_budget import close_ended, settle_after_crash
from tests.world import ADMISSIONS, World

CANCELLED = Name("run-cancelled")


def run_whole(world: World, site: SiteParty, request: RequestId, round_: int) -> None:
    id = RoundId(request=request, round=round_, attempt=1)
    token = reserve_round(site.ledger, id, world.entropy)
    authorise_steps(site.ledger, token, world.steps)
    commit_round(site.ledger, token, world.steps, ())


def test_requests_whose_time_is_over_expire_and_give_back_what_they_hold() -> None:
    world = World()
    site = world.site()
    approved = world.approved(site)
    world.study = "second-study"
    pending = world.file(site)
    assert close_ended(site.ledger) == ()
    world.wait(days=7, seconds=-1)
    assert close_ended(site.ledger) == ()
    world.wait(seconds=1)
    assert close_ended(site.ledger) == (approved, pending)
    assert close_ended(site.ledger) == ()
    states = {filed.state for filed in site.register().requests.values()}
    assert states == {RequestState.EXPIRED}
    assert site.register().book(ADMISSIONS).counted == 0


class Overtaken:
    """A ledger's store into which another process writes just before its next transaction."""

    def __init__(self, store: MemoryLedger, meanwhile: Callable[[], object]) -> None:
        self.store, self.meanwhile = store, [meanwhile]

    def head(self) -> Head:
        return self.store.head()

    def entries(self, start: int = 0) -> Iterator[StoredEntry]:
        return self.store.entries(start)

    def exclusive(self) -> AbstractContextManager[MemoryWriter]:
        while self.meanwhile:
            self.meanwhile.pop()()
        return self.store.exclusive()


def test_what_another_process_has_just_closed_is_not_closed_twice() -> None:
    world = World(rounds=1)
    site = world.site()
    complete = world.approved(site)
    run_whole(world, site, complete, 1)
    world.study = "second-study"
    world.file(site)
    world.wait(days=7)
    store = Overtaken(world.stores["hospital-a"], lambda: close_ended(site.ledger))
    beside = world.reopened(store=store)
    assert close_ended(beside.ledger) == ()
    states = [filed.state for filed in beside.register().requests.values()]
    assert states == [RequestState.COMPLETED, RequestState.EXPIRED]
    closed = [entry.event.kind for entry in site.ledger.history(3)]
    assert closed[1:] == ["request-closed", "request-closed"]


def test_an_attempt_that_another_process_has_just_settled_is_not_settled_twice() -> None:
    world = World()
    site = world.site()
    id = RoundId(request=world.approved(site), round=1, attempt=1)
    reserve_round(site.ledger, id, world.entropy)
    store = Overtaken(world.stores["hospital-a"], lambda: refund_round(site.ledger, id, CANCELLED))
    beside = world.reopened(store=store)
    assert settle_after_crash(beside.ledger) == 0
    attempt = beside.register().attempt(id)
    assert attempt is not None
    assert attempt.cause == CANCELLED


def test_a_request_whose_rounds_are_all_committed_is_complete() -> None:
    world = World(rounds=2, spare=1)
    site = world.site()
    request = world.approved(site)
    run_whole(world, site, request, 1)
    assert close_ended(site.ledger) == ()
    run_whole(world, site, request, 2)
    world.wait(days=30)
    assert close_ended(site.ledger) == (request,)
    assert site.register().request(request).state is RequestState.COMPLETED
    book = site.register().book(ADMISSIONS)
    training = book.holds[request].request.part.training
    assert book.counted == book.spent == renyi_loss(training.repeated(2 * world.steps), 7)


def test_after_a_crash_begun_attempts_are_charged_and_others_refunded() -> None:
    world = World()
    site = world.site()
    request = world.approved(site)
    run_whole(world, site, request, 1)
    running, reserved = (RoundId(request=request, round=number, attempt=1) for number in (2, 3))
    token = reserve_round(site.ledger, running, world.entropy)
    authorise_steps(site.ledger, token, 7)
    reserve_round(site.ledger, reserved, world.entropy)
    again = world.reopened()
    assert settle_after_crash(again.ledger) == 2
    assert settle_after_crash(again.ledger) == 0
    assert find_round(again.ledger, running).state is RoundState.ABORTED
    assert find_round(again.ledger, running).steps_charged == 7
    assert find_round(again.ledger, reserved).state is RoundState.REFUNDED
    assert site.register().book(ADMISSIONS).holds[request].rounds_committed == 1
