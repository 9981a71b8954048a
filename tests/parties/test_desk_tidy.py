"""What a site's desk lets go of when a request, a dataset or a disk comes to its end."""

import threading
from collections.abc import Generator, Mapping
from datetime import datetime

import pytest

from securefed.adapters.site_folder import SiteFolder
from securefed.domain.blob import BlobId
from securefed.domain.errand import Attempt, Fetch, Phase, Report, Standing, Train
from securefed.domain.event import Event, LedgerEntry, RoundAborted
from securefed.domain.identifiers import Name, RequestId
from securefed.domain.register import Register
from securefed.domain.round import Round, RoundId, RoundState
from securefed.domain.run_order import UPDATE, RunOrder
from securefed.domain.talk import Failed, Finished, FromRun, StepAsked, ToRun
from securefed.errors import NotFound, NotInThisState, StorageFailed, TrainingFailed
from securefed.steps import prepare_site
from securefed.steps.keep_ledger import Find
from tests.office import PATIENCE, Files, Office, pilot
from tests.world import ADMISSIONS, SCIENTIST

FIRST = Attempt(round=1, attempt=1)
TRAIN = Train(of=FIRST, weights=None, code=None, protection=None)
Playing = Generator[FromRun, ToRun, Finished]


def entered(office: Office, request: RequestId) -> Round:
    id = RoundId(request=request, round=1, attempt=1)
    return office.ledger.register().book_of(id).round(id)


def reported(office: Office, request: RequestId) -> Standing:
    found = office.ask(request, Report(of=FIRST))
    assert isinstance(found, Standing)
    return found


def test_nothing_passes_of_a_dataset_that_was_erased() -> None:
    office = Office(pilot(rounds=1))
    request = office.approved()
    office.train(request)
    office.desk.tidy()
    id = RoundId(request=request, round=1, attempt=1)
    blob = BlobId(of=id, digest=entered(office, request).released[0])
    assert office.desk.serves(id)
    prepare_site.erase_data(office.ledger, ADMISSIONS, office.world.acting())
    assert not office.desk.serves(id)
    with pytest.raises(NotInThisState):
        office.ask(request, Fetch(of=FIRST, file=UPDATE))
    office.blobs.open(blob).close()
    office.desk.tidy()
    with pytest.raises(NotFound):
        office.blobs.open(blob)


def test_what_a_study_kept_is_forgotten_when_its_request_is_over() -> None:
    office = Office(most=2)
    request, other = office.approved(), RequestId("cr-000000000000")
    kept = SiteFolder(office.folder).all_kept_of
    for path in (*kept(request), *kept(other)):
        path.write_bytes(b"what only this site knows")
    office.desk.tidy()
    assert all(path.exists() for path in kept(request))
    assert not any(path.exists() for path in kept(other))
    office.party.revoke(request, office.world.acting())
    office.desk.tidy()
    assert not any(path.exists() for path in kept(request))


def test_a_run_ends_with_its_requesters_account() -> None:
    reached, ended = threading.Event(), threading.Event()

    def endless(_: Mapping[str, bytes], __: Files, ___: RunOrder) -> Playing:
        yield StepAsked(step=1)
        reached.set()
        assert ended.wait(PATIENCE)
        yield StepAsked(step=2)
        raise AssertionError

    office = Office(play=endless)
    request = office.approved()
    office.ask(request, TRAIN)
    assert reached.wait(PATIENCE)
    prepare_site.suspend_account(office.ledger, SCIENTIST, office.world.acting())
    office.desk.tidy()
    ended.set()
    office.settled()
    standing = reported(office, request)
    assert (standing.phase, standing.cause) == (Phase.FAILED, "run-cancelled")
    assert entered(office, request).state is RoundState.ABORTED


def _failing(_: Mapping[str, bytes], __: Files, ___: RunOrder) -> Playing:
    yield StepAsked(step=1)
    yield Failed(code=Name("training-failed"))
    raise AssertionError


def test_an_attempt_that_ended_on_a_full_disk_is_settled_when_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = Office(play=_failing)
    request = office.approved()
    record_found = office.ledger.record_found

    def full(find: Find) -> tuple[LedgerEntry, ...]:
        def with_room(register: Register, now: datetime) -> Event | None:
            event = find(register, now)
            if isinstance(event, RoundAborted):
                raise StorageFailed("No space left on device")
            return event

        return record_found(with_room)

    with monkeypatch.context() as patch:
        patch.setattr(office.ledger, "record_found", full)
        assert office.train(request).phase is Phase.STARTING
        with pytest.raises(StorageFailed):
            office.desk.tidy()
    assert [type(error) for error in office.failed] == [TrainingFailed, StorageFailed]
    office.desk.tidy()
    standing = reported(office, request)
    assert (standing.phase, standing.cause) == (Phase.FAILED, "training-failed")
    assert entered(office, request).state is RoundState.ABORTED
