"""Some errands in one call get no more than they would get alone."""

from collections.abc import Generator, Mapping
from dataclasses import replace

import pytest

from securefed.domain.errand import (
    LONGEST_WAIT_S,
    MOST_AT_ONCE,
    Answers,
    Attempt,
    Declined,
    Deliver,
    Errand,
    Fetch,
    One,
    OneAnswer,
    Phase,
    Report,
    Several,
    Standing,
    Ticketed,
    Train,
    answer_text,
    errand_text,
    read_answer,
    read_errand,
)
from securefed.domain.identifiers import Name, RequestId
from securefed.domain.run_order import METRICS, UPDATE, RunOrder
from securefed.domain.talk import Failed, Finished, FromRun, ToRun
from securefed.errors import ErrandGarbled, NumberInvalid
from tests.office import Files, Office
from tests.world import digest

Playing = Generator[FromRun, ToRun, Finished]
FIRST = Attempt(round=1, attempt=1)
TRAIN = Train(of=FIRST, weights=None, code=None, protection=None)
DELIVER = Deliver(of=FIRST, blob=digest("x"), length=16)
FETCH = Fetch(of=FIRST, file=UPDATE)


def failing(_: Mapping[str, bytes], __: Files, ___: RunOrder) -> Playing:
    yield Failed(code=Name("training-failed"))
    raise AssertionError


def asked(office: Office, request: RequestId, *errands: One) -> tuple[OneAnswer, ...]:
    answer = read_answer(office.desk.answer(request, errand_text(Several(errands=errands))))
    assert isinstance(answer, Answers)
    assert len(answer.answers) == len(errands)
    return answer.answers


def test_several_travel_as_they_are() -> None:
    several = Several(errands=(Report(of=FIRST), DELIVER, TRAIN))
    assert read_errand(errand_text(several)) == several
    answers = Answers(answers=(Ticketed(ticket=None),))
    assert read_answer(answer_text(answers)) == answers


def test_what_is_not_approved_is_declined_each_time_and_counted() -> None:
    office = Office()
    request = office.world.file(office.party)
    for answer in asked(office, request, TRAIN, DELIVER, FETCH):
        assert isinstance(answer, Declined)
    assert [str(one) for one in office.refused] == ["approval-missing"] * 2
    assert not office.ledger.register().book("admissions").holds


def test_one_call_begins_an_attempt_waits_for_it_and_lets_its_file_be_fetched() -> None:
    office = Office()
    request = office.approved()
    known, file, ticket = asked(office, request, Report(of=FIRST), FETCH, DELIVER)
    assert isinstance(known, Declined)
    assert known.code == "not-found"
    assert isinstance(file, Declined)
    assert isinstance(ticket, Ticketed)
    metrics = Fetch(of=FIRST, file=METRICS)
    waits = Report(of=FIRST, wait_s=LONGEST_WAIT_S)
    begun, done, update, none = asked(office, request, TRAIN, waits, FETCH, metrics)
    assert isinstance(begun, Standing)
    assert isinstance(done, Standing)
    assert done.phase is Phase.DONE
    assert office.fetched(update)
    assert isinstance(none, Declined)
    assert not office.refused


def test_an_errand_is_done_though_the_one_before_was_declined() -> None:
    office = Office()
    request = office.approved()
    later = replace(TRAIN, of=Attempt(round=3, attempt=1))
    refused, known = asked(office, request, later, Report(of=FIRST))
    assert isinstance(refused, Declined)
    assert isinstance(known, Declined)
    assert known.code == "not-found"
    assert office.train(request).phase is Phase.DONE


def test_their_number_and_their_waits_are_bounded() -> None:
    with pytest.raises(NumberInvalid):
        Several(errands=(DELIVER,) * (MOST_AT_ONCE + 1))
    with pytest.raises(NumberInvalid):
        Several(errands=())
    with pytest.raises(NumberInvalid):
        Several(errands=(Report(of=FIRST, wait_s=LONGEST_WAIT_S), Report(of=FIRST, wait_s=1)))


def test_several_do_not_hold_several() -> None:
    inner: Errand = Several(errands=(DELIVER,))
    text = errand_text(Several(errands=(inner, DELIVER)))
    with pytest.raises(ErrandGarbled):
        read_errand(text)


def test_who_waits_for_an_attempt_that_fails_is_not_counted_as_refused() -> None:
    office = Office(play=failing)
    request = office.approved()
    waits = Report(of=FIRST, wait_s=LONGEST_WAIT_S)
    begun, ended, *files = asked(office, request, TRAIN, waits, FETCH)
    assert isinstance(begun, Standing)
    assert isinstance(ended, Standing)
    assert ended.phase is Phase.FAILED
    assert [one.code for one in files if isinstance(one, Declined)] == ["not-found"]
    assert not office.refused
