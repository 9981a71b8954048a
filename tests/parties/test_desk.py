"""What a site's desk lets happen, and what a hostile caller or run does not get."""

import threading
from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from securefed.domain.errand import (
    Attempt,
    Cancel,
    Declined,
    Deliver,
    Fetch,
    Phase,
    Report,
    Spent,
    Standing,
    Ticketed,
    Train,
    errand_text,
    read_answer,
)
from securefed.domain.identifiers import Name, RequestId, Version
from securefed.domain.round import RoundId, RoundState
from securefed.domain.run_order import UPDATE, WEIGHTS, RunOrder
from securefed.domain.talk import Failed, Finished, FromRun, StepAsked, ToRun
from securefed.errors import (
    ApprovalExhausted,
    ApprovalExpired,
    ApprovalMissing,
    ApprovalWithdrawn,
    BlobLengthWrong,
    DataDrifted,
    NotAllowedHere,
    NotFound,
    NotInThisState,
    PlanStale,
    ProtectionUnproven,
    RunsBusy,
    SecurefedError,
    SiteStopping,
)
from securefed.steps import prepare_site
from tests.office import PATIENCE, Files, Office, executed, finished, honest, pilot
from tests.world import SCIENTIST, digest

FIRST = Attempt(round=1, attempt=1)
TRAIN = Train(of=FIRST, weights=None, code=None, protection=None)
Playing = Generator[FromRun, ToRun, Finished]


class Paused:
    """A run that waits after its first step was granted, until it may go on."""

    def __init__(self) -> None:
        self.reached, self.go = threading.Event(), threading.Event()

    def __call__(self, _: Mapping[str, bytes], made: Files, order: RunOrder) -> Playing:
        yield StepAsked(step=1)
        self.reached.set()
        assert self.go.wait(PATIENCE)
        return (yield from rest(made, order))

    def expect(self) -> None:
        """Returns once it waits."""
        assert self.reached.wait(PATIENCE)


def state(office: Office, request: RequestId, round: int = 1, attempt: int = 1) -> RoundState:
    id = RoundId(request=request, round=round, attempt=attempt)
    return office.ledger.register().book_of(id).round(id).state


def charged(office: Office, request: RequestId) -> int:
    id = RoundId(request=request, round=1, attempt=1)
    return office.ledger.register().book_of(id).round(id).steps_charged


# --- what should happen --------------------------------------------------------------------------


def test_an_attempt_is_trained_committed_and_fetched() -> None:
    office = Office()
    request = office.approved()
    standing = office.train(request)
    assert standing.phase is Phase.DONE
    assert [one.file for one in standing.released] == [UPDATE]
    content = office.fetched(office.ask(request, Fetch(of=FIRST, file=UPDATE)))
    assert np.frombuffer(content, "<f4") == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert state(office, request) is RoundState.COMMITTED


def test_an_update_is_shortened_to_the_approved_bound() -> None:
    def long(_: Mapping[str, bytes], made: Files, order: RunOrder) -> Playing:
        yield from honest({}, made, order)
        return finished(made, order, (3.0, 0.0, 4.0, 0.0))

    office = Office(play=long)
    request = office.approved()
    office.train(request)
    content = office.fetched(office.ask(request, Fetch(of=FIRST, file=UPDATE)))
    assert np.frombuffer(content, "<f4") == pytest.approx([0.6, 0.0, 0.8, 0.0])


def test_the_same_question_has_the_same_ticket_and_costs_once() -> None:
    office = Office()
    request = office.approved()
    first = office.ask(request, TRAIN)
    assert isinstance(first, Standing)
    office.settled()
    again, later = office.ask(request, TRAIN), Office.train(office, request)
    assert isinstance(again, Standing)
    assert first.ticket == again.ticket == later.ticket
    assert len(office.orders) == 1


def test_later_rounds_have_the_weights_that_were_brought_and_the_same_warm_run() -> None:
    office = Office()
    request = office.approved()
    office.train(request)
    weights = office.bring(request, np.ones(4, "<f4").tobytes(), round=2)
    assert office.train(request, round=2, weights=weights).phase is Phase.DONE
    assert [order.given for order in office.orders] == [(), (WEIGHTS,)]
    assert len(office.started) == 1


def test_a_restarted_desk_gives_the_same_answers() -> None:
    office = Office()
    request = office.approved()
    before = office.train(request)
    office.desk.stop()
    office.desk = office.new_desk()
    office.desk.begin()
    assert office.ask(request, Report(of=FIRST)) == replace(before, spent=None)
    assert office.fetched(office.ask(request, Fetch(of=FIRST, file=UPDATE)))


def test_the_site_says_what_the_parts_of_an_attempt_took() -> None:
    office = Office()
    request = office.approved()

    def slow(given: Mapping[str, bytes], made: Files, order: RunOrder) -> Playing:
        office.time += 2.5
        return (yield from honest(given, made, order))

    office.play = slow
    assert office.train(request).spent == Spent(start=0, train=2500, seal=0, upload=0)


def test_a_warm_run_ends_with_its_approval_and_when_it_waits_too_long() -> None:
    office = Office()
    request = office.approved()
    office.train(request)
    office.time += 61
    office.desk.tidy()
    office.train(request, round=2, weights=office.bring(request, bytes(16), round=2))
    assert len(office.started) == 2
    office.party.revoke(request, office.world.acting())
    office.desk.tidy()
    assert not office.runs._waiting


def test_a_study_that_is_complete_can_still_be_fetched_from() -> None:
    office = Office(pilot(rounds=1))
    request = office.approved()
    office.train(request)
    office.desk.tidy()
    assert office.ledger.register().request(request).state == "completed"
    assert office.fetched(office.ask(request, Fetch(of=FIRST, file=UPDATE)))
    office.world.clock.time += timedelta(days=8)
    with pytest.raises(NotInThisState):
        office.ask(request, Fetch(of=FIRST, file=UPDATE))


# --- what must not happen ------------------------------------------------------------------------


def test_what_is_not_approved_does_not_begin() -> None:
    office = Office()
    request = office.world.file(office.party)
    for errand in (TRAIN, Deliver(of=FIRST, blob=digest("x"), length=16)):
        with pytest.raises(ApprovalMissing):
            office.ask(request, errand)
    office.party.deny(request, office.world.acting())
    with pytest.raises(ApprovalWithdrawn):
        office.ask(request, TRAIN)
    with pytest.raises(NotFound):
        office.ask(RequestId("cr-000000000000"), TRAIN)


def test_what_has_expired_or_was_revoked_does_not_begin() -> None:
    office = Office()
    request = office.approved()
    office.world.clock.time += timedelta(days=8)
    with pytest.raises(ApprovalExpired):
        office.ask(request, TRAIN)
    other = Office()
    revoked = other.approved()
    other.party.revoke(revoked, other.world.acting())
    with pytest.raises(ApprovalWithdrawn):
        other.ask(revoked, TRAIN)


def test_there_are_as_many_rounds_as_were_approved() -> None:
    office = Office(pilot(rounds=2))
    request = office.approved()
    office.train(request)
    with pytest.raises(ApprovalExhausted):
        office.train(request, 3, weights=office.bring(request, bytes(16), round=3))


def test_a_scientist_who_left_runs_nothing() -> None:
    office = Office()
    request = office.approved()
    prepare_site.suspend_account(office.ledger, SCIENTIST, office.world.acting())
    with pytest.raises(NotAllowedHere):
        office.ask(request, TRAIN)
    with pytest.raises(NotAllowedHere):
        office.ask(request, Deliver(of=FIRST, blob=digest("x"), length=16))


def test_another_machine_than_the_approved_one_runs_nothing() -> None:
    office = Office()
    request = office.approved()
    office.world.machine.package = Version("9.9.9")
    with pytest.raises(PlanStale, match="package"):
        office.ask(request, TRAIN)


def test_data_that_changed_are_not_read_and_nothing_is_charged() -> None:
    office = Office()
    request = office.approved()
    office.drifted = DataDrifted("The file is another one")
    standing = office.train(request)
    assert (standing.phase, standing.cause) == (Phase.FAILED, "data-drifted")
    assert state(office, request) is RoundState.REFUNDED
    assert not office.started


@pytest.mark.parametrize("round", [1, 2])
def test_weights_are_of_the_right_round_and_length_and_were_brought(round: int) -> None:
    office = Office()
    request = office.approved()
    short = office.bring(request, bytes(12), round=round)
    errand = Train(of=Attempt(round=round, attempt=1), weights=short, code=None, protection=None)
    with pytest.raises(NotAllowedHere if round == 1 else BlobLengthWrong):
        office.ask(request, errand)
    with pytest.raises(NotAllowedHere if round == 1 else NotFound):
        office.ask(request, replace(errand, weights=digest("elsewhere")))
    if round == 2:
        with pytest.raises(NotFound):
            office.ask(request, replace(errand, weights=None))


def test_a_sealed_study_trains_under_protection_only() -> None:
    from securefed.domain.study import Suite

    office = Office(pilot(suite=Suite.BFV, sites=("hospital-a", "hospital-b")))
    request = office.approved()
    with pytest.raises(ProtectionUnproven):
        office.ask(request, TRAIN)


def test_an_attempt_that_is_asked_for_in_other_words_is_refused() -> None:
    paused = Paused()
    office = Office(play=paused)
    request = office.approved()
    office.ask(request, TRAIN)
    with pytest.raises(NotInThisState, match="other words"):
        office.ask(request, replace(TRAIN, weights=digest("w")))
    with pytest.raises(RunsBusy):
        office.ask(request, replace(TRAIN, of=Attempt(round=1, attempt=2)))
    paused.go.set()
    office.settled()


def rest(made: Files, order: RunOrder) -> Playing:
    for step in range(2, order.training.steps + 1):
        yield StepAsked(step=step)
    return finished(made, order)


def _departed(_: Mapping[str, bytes], made: Files, order: RunOrder) -> Playing:
    yield from honest({}, made, order)
    made_of = executed(order)
    loud = replace(made_of.training, noise_multiplier=Decimal("0.1"))
    done = finished(made, order)
    return replace(done, executed=replace(made_of, training=loud))


def _nan(_: Mapping[str, bytes], made: Files, order: RunOrder) -> Playing:
    yield from honest({}, made, order)
    return finished(made, order, (0.1, float("nan"), 0.1, 0.1))


def _short(_: Mapping[str, bytes], made: Files, order: RunOrder) -> Playing:
    yield from honest({}, made, order)
    return finished(made, order, (0.1, 0.1))


def _nothing(_: Mapping[str, bytes], made: Files, order: RunOrder) -> Playing:
    yield from honest({}, made, order)
    done = finished(made, order)
    made.clear()
    return done


def _fewer_steps(_: Mapping[str, bytes], made: Files, order: RunOrder) -> Playing:
    yield StepAsked(step=1)
    return finished(made, order)


def _failed(_: Mapping[str, bytes], __: Files, ___: RunOrder) -> Playing:
    yield StepAsked(step=1)
    yield Failed(code=Name("training-failed"))
    raise AssertionError


@pytest.mark.parametrize(
    ("play", "cause"),
    [
        (_departed, "run-departed"),
        (_nan, "update-unusable"),
        (_short, "update-unusable"),
        (_nothing, "result-unfit"),
        (_failed, "training-failed"),
    ],
)
def test_a_run_that_is_not_what_was_approved_releases_nothing_and_stays_charged(
    play: object, cause: str
) -> None:
    office = Office(play=play)
    request = office.approved()
    standing = office.train(request)
    assert (standing.phase, standing.cause, standing.released) == (Phase.FAILED, cause, ())
    assert state(office, request) is RoundState.ABORTED
    assert charged(office, request) > 0
    with pytest.raises(NotFound):
        office.ask(request, Fetch(of=FIRST, file=UPDATE))


def test_a_run_that_claims_steps_that_were_not_charged_does_not_commit() -> None:
    office = Office(play=_fewer_steps)
    request = office.approved()
    assert office.train(request).phase is Phase.FAILED
    assert state(office, request) is RoundState.ABORTED


def test_an_approval_that_is_revoked_stops_the_run_at_its_next_charge() -> None:
    paused = Paused()
    office = Office(play=paused)
    request = office.approved()
    office.ask(request, TRAIN)
    paused.expect()
    office.party.revoke(request, office.world.acting())
    paused.go.set()
    office.settled()
    standing = office.ask(request, Report(of=FIRST))
    assert isinstance(standing, Standing)
    assert standing.phase is Phase.FAILED
    assert charged(office, request) == 10


def test_a_cancelled_attempt_ends_and_stays_charged() -> None:
    paused = Paused()
    office = Office(play=paused)
    request = office.approved()
    office.ask(request, TRAIN)
    paused.expect()
    office.ask(request, Cancel(of=FIRST))
    paused.go.set()
    office.settled()
    standing = office.ask(request, Report(of=FIRST))
    assert isinstance(standing, Standing)
    assert (standing.phase, standing.cause) == (Phase.FAILED, "run-cancelled")


def test_a_crash_leaves_the_attempt_settled_and_never_runs_it_again() -> None:
    from securefed.steps.meter_round import authorise_steps, reserve_round

    office = Office()
    request = office.approved()
    id = RoundId(request=request, round=1, attempt=1)
    token = reserve_round(office.ledger, id, office.world.entropy)
    authorise_steps(office.ledger, token, 10)
    office.desk = office.new_desk()
    office.desk.begin()
    standing = office.ask(request, TRAIN)
    assert isinstance(standing, Standing)
    assert (standing.phase, standing.cause) == (Phase.FAILED, "site-restarted")
    assert not office.orders


def test_a_desk_that_stops_begins_nothing_more() -> None:
    office = Office()
    request = office.approved()
    office.desk.stop()
    with pytest.raises(SiteStopping):
        office.ask(request, TRAIN)
    assert not office.ledger.register().book("admissions").holds[request].rounds


def test_texts_that_are_no_errands_are_declined_and_counted() -> None:
    office = Office()
    request = office.approved()
    for text in ("", "{}", "\ud800", '{"errand":{"kind":"train"}}', "x" * 10_000):
        answer = read_answer(office.desk.answer(request, text))
        assert isinstance(answer, Declined)
        assert answer.code == "errand-garbled"
    assert len(office.refused) == 5


def test_a_refusal_travels_with_its_code() -> None:
    office = Office()
    request = office.world.file(office.party)
    answer = read_answer(office.desk.answer(request, errand_text(TRAIN)))
    assert isinstance(answer, Declined)
    assert answer.code == "approval-missing"


def test_a_delivery_is_bounded_and_told_when_it_is_there() -> None:
    office = Office()
    request = office.approved()
    with pytest.raises(BlobLengthWrong):
        office.ask(request, Deliver(of=FIRST, blob=digest("x"), length=2**30))
    there = office.bring(request, b"key", round=1)
    assert office.ask(request, Deliver(of=FIRST, blob=there, length=3)) == Ticketed(ticket=None)
    asked = office.ask(request, Deliver(of=FIRST, blob=digest("x"), length=16))
    assert isinstance(asked, Ticketed)
    assert asked.ticket is not None


def test_old_files_are_cleared_and_new_ones_stay() -> None:
    office = Office(pilot(rounds=3))
    request = office.approved()
    office.train(request)
    for round in (2, 3):
        office.train(request, round, weights=office.bring(request, bytes(16), round=round))
    office.desk.tidy()
    with pytest.raises(SecurefedError):
        office.ask(request, Fetch(of=FIRST, file=UPDATE))
    assert office.fetched(office.ask(request, Fetch(of=Attempt(round=3, attempt=1), file=UPDATE)))


def test_a_report_can_wait_for_the_end() -> None:
    paused = Paused()
    office = Office(play=paused)
    request = office.approved()
    office.ask(request, TRAIN)
    paused.expect()
    waiting = office.ask(request, Report(of=FIRST, wait_s=1))
    assert isinstance(waiting, Standing)
    assert not waiting.phase.over
    threading.Timer(0.05, paused.go.set).start()
    done = office.ask(request, Report(of=FIRST, wait_s=5))
    assert isinstance(done, Standing)
    assert done.phase is Phase.DONE


def test_so_many_reports_may_wait_and_no_more() -> None:
    paused = Paused()
    office = Office(play=paused)
    request = office.approved()
    office.ask(request, TRAIN)
    paused.expect()
    places = office.desk._waiting
    while places.acquire(blocking=False):
        pass
    # No place is left, so this one is answered at once, whatever it asks for.
    answer = office.ask(request, Report(of=FIRST, wait_s=5))
    assert isinstance(answer, Standing)
    assert not answer.phase.over
    assert not paused.go.is_set()
    paused.go.set()
    office.settled()
