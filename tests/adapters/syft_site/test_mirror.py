"""PySyft says what the ledger says, wherever a process dies and whatever PySyft is told alone."""

from collections.abc import Callable
from typing import Any

import pytest

from securefed.adapters.syft_site.client import SiteClient
from securefed.adapters.syft_site.inside import Inside
from securefed.domain.errand import Attempt, Report, Ticketed
from securefed.domain.identifiers import RequestId, SiteId
from securefed.domain.request import RequestState, SignedRequest
from securefed.errors import ApprovalWithdrawn, LoginRefused, NotFound, StorageFailed
from securefed.steps import prepare_site
from securefed.steps.settle_budget import close_ended
from tests.adapters.syft_site.places import MOCK, QUIET, Hospital, hospital
from tests.world import ADMISSIONS, OTHER_SCIENTIST, REVIEWER, SCIENTIST

pytestmark = [pytest.mark.slow, QUIET]
ERRAND = Report(of=Attempt(round=1, attempt=1))


@pytest.fixture(scope="module")
def dana(hospital_a: Hospital) -> SiteClient:
    return hospital_a.client()


def state_of(hospital: Hospital) -> Any:
    """All that PySyft shows, without what changes by itself."""
    datasite = hospital.site.datasite
    users = sorted((one.name, str(one.verify_key)) for one in datasite.services.user.stash._data)
    requests = []
    for one in hospital.inside.call("request.get_all"):
        status = hospital.inside.call("code_status.get_by_uid", uid=one.status_id)
        (decision,) = status.status_dict.values()
        applied = [each.applied for each in one.history[-1:]]
        requests.append((str(one.id), decision.status.value, decision.reason, applied))
    datasets = hospital.inside.call("dataset.get_all")
    listed = sorted((one.name, one.summary) for one in datasets)
    return users, sorted(requests), listed


def denied(hospital: Hospital, by: SiteClient, request: RequestId, why: str) -> None:
    assert by.state(request).state is RequestState.DENIED
    assert by.state(request).reason.startswith(why)
    before = len(hospital.asked)
    with pytest.raises(ApprovalWithdrawn, match=why):
        by.ask(request, ERRAND)
    assert hospital.asked[before:] == []


def test_looking_again_changes_nothing(hospital_a: Hospital, dana: SiteClient) -> None:
    hospital_a.approved(dana)
    before = state_of(hospital_a)
    hospital_a.look()
    assert state_of(hospital_a) == before
    hospital_a.new_mirror().follow(hospital_a.wanted())
    assert state_of(hospital_a) == before
    assert hospital_a.new_mirror().take_in(hospital_a.wanted()) == 0


def test_a_denied_request_does_not_run(hospital_a: Hospital, dana: SiteClient) -> None:
    request = hospital_a.filed(dana)
    hospital_a.party.deny(request, hospital_a.world.acting(REVIEWER, "Not for this purpose"))
    hospital_a.look()
    denied(hospital_a, dana, request, "denied: Not for this purpose")


def test_a_revoked_request_runs_no_more(hospital_a: Hospital, dana: SiteClient) -> None:
    request = hospital_a.approved(dana)
    assert dana.ask(request, ERRAND) == Ticketed(ticket=None)
    hospital_a.party.revoke(request, hospital_a.world.acting(REVIEWER, "Asked to"))
    hospital_a.look()
    denied(hospital_a, dana, request, "revoked: Asked to")


def test_what_is_done_in_pysyft_alone_does_not_last(hospital_a: Hospital, dana: SiteClient) -> None:
    inside, request = hospital_a.inside, hospital_a.filed(dana)
    (found,) = [
        one for one in inside.call("request.get_all") if one.code_id == dana._own(request).uid
    ]
    inside.call("request.apply", uid=found.id)
    word = "a password"
    hospital_a.site.owner.users.create(
        name="mallory", email="m@example.org", password=word, password_verify=word
    )
    hospital_a.look()
    denied(hospital_a, dana, request, "The site's ledger")
    assert "mallory" not in dict(state_of(hospital_a)[0])
    hospital_a.approve(request)
    assert dana.ask(request, ERRAND) == Ticketed(ticket=None)


def test_the_site_tries_again_when_its_machine_failed(
    hospital_a: Hospital, dana: SiteClient
) -> None:
    signed, fails = hospital_a.request(), [True]

    def failing(one: SignedRequest) -> None:
        if fails:
            raise StorageFailed("No space is left")
        hospital_a.party.receive(one)

    dana.submit(signed)
    mirror = hospital_a.new_mirror()
    mirror._file = failing
    with pytest.raises(StorageFailed):
        mirror.take_in(hospital_a.wanted())
    assert dana.state(signed.request.request).state is RequestState.PENDING
    fails.clear()
    assert mirror.take_in(hospital_a.wanted()) == 1


class Killed(BaseException):
    """The process ends here."""


def dying(monkeypatch: pytest.MonkeyPatch, last: int, when: str) -> None:
    """From now on the process dies at its nth step in PySyft: before it, or after it was done."""
    steps = [0]
    real = Inside.call

    def call(self: Inside, path: str, **given: Any) -> Any:
        steps[0] += 1
        if steps[0] > last and when == "before":
            raise Killed
        found = real(self, path, **given)
        if steps[0] > last:
            raise Killed
        return found

    monkeypatch.setattr(Inside, "call", call)


def until_done(act: Callable[[], object], monkeypatch: pytest.MonkeyPatch, when: str) -> int:
    """Kills the act at each of its steps in turn, and lets a new process begin it again."""
    for step in range(200):
        with monkeypatch.context() as dead:
            dying(dead, step, when)
            try:
                act()
            except Killed:
                continue
            return step
    pytest.fail("it never ended")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_between_any_two_steps_is_repaired(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    folder = tmp_path_factory.mktemp(when)
    with hospital(folder, SiteId("hospital-b")) as found:
        party, by, dana = found.party, found.world.acting, found.client()
        approved, revoked, new = found.filed(dana), found.approved(dana), found.request()
        dana.submit(new)
        party.approve(approved, party.plan(approved).digest, by(REVIEWER))
        party.revoke(revoked, by(REVIEWER))
        prepare_site.register_data(party.ledger, found.world.card(2), by())
        prepare_site.suspend_account(party.ledger, OTHER_SCIENTIST, by())

        def process() -> None:
            mirror = found.new_mirror()
            mirror.take_in(found.wanted())
            mirror.follow(found.wanted())

        assert until_done(process, monkeypatch, when) > 12
        once = state_of(found)
        process()
        assert state_of(found) == once
        assert OTHER_SCIENTIST not in dict(once[0])
        assert dana.ask(approved, ERRAND) == Ticketed(ticket=None)
        denied(found, dana, revoked, "revoked")
        assert dana.state(new.request.request).state is RequestState.PENDING
        with party.ledger.held() as register:
            assert register.request(new.request.request).signed == new
        (offered,) = dana.datasets()
        assert (offered.card.version, offered.mock) == (2, MOCK)


def test_a_kill_within_an_approval_or_a_revocation_is_repaired(
    hospital_a: Hospital, dana: SiteClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PySyft writes that the code may run first, and that its request was approved later."""
    request = hospital_a.filed(dana)
    service = hospital_a.site.datasite.services.request

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    def approve() -> None:
        plan = hospital_a.party.plan(request)
        hospital_a.party.approve(request, plan.digest, hospital_a.world.acting(REVIEWER))

    def revoke() -> None:
        hospital_a.party.revoke(request, hospital_a.world.acting(REVIEWER))

    for change, then in ((approve, RequestState.APPROVED), (revoke, RequestState.DENIED)):
        change()
        with monkeypatch.context() as dead:
            dead.setattr(type(service), "save", killed)
            with pytest.raises(Killed):
                hospital_a.look()
        hospital_a.new_mirror().follow(hospital_a.wanted())
        assert dana.state(request).state is then
        for one in hospital_a.inside.call("request.get_all"):
            if one.code_id == dana._own(request).uid:
                assert one.history[-1].applied is (then is RequestState.APPROVED)


def test_time_and_erasure_end_what_ran(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Own site: what is erased and what has expired stays so."""
    with hospital(tmp_path_factory.mktemp("ending"), SiteId("hospital-b")) as found:
        dana = found.client()
        expiring = found.approved(dana)
        assert dana.ask(expiring, ERRAND) == Ticketed(ticket=None)
        found.world.wait(days=8)
        close_ended(found.party.ledger)
        found.look()
        denied(found, dana, expiring, "expired")
        found.mock = b"x" * (2**20 + 1)
        prepare_site.register_data(found.party.ledger, found.world.card(2), found.world.acting())
        found.look()
        (offered,) = dana.datasets()
        assert (offered.card.version, offered.mock) == (2, None)
        prepare_site.erase_data(found.party.ledger, ADMISSIONS, found.world.acting())
        found.look()
        found.look()
        assert dana.datasets() == ()
        with pytest.raises(NotFound):
            dana.submit(found.request())
        prepare_site.suspend_account(found.party.ledger, SCIENTIST, found.world.acting())
        found.look()
        with pytest.raises(LoginRefused):
            dana.datasets()
