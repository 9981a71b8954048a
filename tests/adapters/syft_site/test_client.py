"""A data scientist at a mirrored site: signs with an own key, files, sees, asks; no other does."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from securefed.adapters import ed25519_keys
from securefed.adapters.syft_site.approved import source_of
from securefed.adapters.syft_site.calls import CallFailed, Calls
from securefed.adapters.syft_site.client import SiteClient
from securefed.adapters.syft_site.pysyft import SyftAPICall, SyftSigningKey, inline, serialize
from securefed.domain.canonical import prefixed
from securefed.domain.door import Reason
from securefed.domain.errand import (
    Answer,
    Attempt,
    Declined,
    Report,
    Ticketed,
    answer_text,
    errand_text,
)
from securefed.domain.identifiers import Line, Name, RequestId, Sentence, SiteId
from securefed.domain.request import RequestState
from securefed.domain.study import Parameter
from securefed.errors import (
    ApprovalExhausted,
    ApprovalMissing,
    ErrandGarbled,
    LoginRefused,
    NotFound,
    SiteUnreachable,
)
from securefed.steps import prepare_site
from securefed.steps.submit_request import write_request
from tests.adapters.syft_site.places import HOSPITAL, MOCK, QUIET, Hospital
from tests.world import ADMISSIONS, OTHER_SCIENTIST, OWNER, SCIENTIST

pytestmark = [pytest.mark.slow, QUIET]
ERRAND = Report(of=Attempt(round=1, attempt=1))


@pytest.fixture(scope="module")
def dana(hospital_a: Hospital) -> SiteClient:
    return hospital_a.client()


@pytest.fixture(scope="module")
def dimitri(hospital_a: Hospital) -> SiteClient:
    return hospital_a.client(OTHER_SCIENTIST)


@pytest.fixture(scope="module")
def running(hospital_a: Hospital, dana: SiteClient) -> RequestId:
    """A request that was approved."""
    return hospital_a.approved(dana)


def test_a_key_of_ones_own_opens_the_account_without_a_password(
    hospital_a: Hospital, dana: SiteClient
) -> None:
    assert (dana.account, dana.site) == (SCIENTIST, HOSPITAL)
    for user in hospital_a.site.datasite.services.user.stash._data:
        if user.name == SCIENTIST:
            assert f"ed25519:{user.verify_key}" == hospital_a.world.signer(SCIENTIST).key
            assert (user.signing_key, user.hashed_password) == (None, None)
            assert not user.mock_execution_permission
            break
    else:
        pytest.fail("there is no such user")


def test_a_key_without_an_account_is_turned_away(hospital_a: Hospital, tmp_path: Path) -> None:
    stranger = ed25519_keys.create_key(tmp_path / "stranger.key", "stranger")
    owner = hospital_a.world.signer(OWNER)
    for signer in (stranger, owner):
        before = len(hospital_a.refused)
        with pytest.raises(LoginRefused):
            SiteClient.connect(HOSPITAL, hospital_a.site.host, hospital_a.site.port, signer)
        assert [one.reason for one in hospital_a.refused[before:]] == [Reason.CALLER]


def test_another_site_at_the_address_is_noticed(hospital_a: Hospital) -> None:
    signer = hospital_a.world.signer(SCIENTIST)
    with pytest.raises(SiteUnreachable, match="hospital-b"):
        SiteClient.connect(SiteId("hospital-b"), hospital_a.site.host, hospital_a.site.port, signer)


def test_no_signed_call_reads_as_another_signed_document(dana: SiteClient) -> None:
    key, uid = SyftSigningKey.generate(), dana._calls.identity.server_id
    call = SyftAPICall(server_uid=uid, path="code.call", args=[], kwargs={"x": b"securefed/v1/"})
    start = prefixed("code-request", b"")[:10]
    assert start == b"securefed/"
    assert not call.sign(key).serialized_message.startswith(start)
    with pytest.raises(ErrandGarbled):
        dana._calls._signed(prefixed("code-request", serialize(call)))


def test_the_datasets_and_the_mock_are_there_to_be_looked_at(
    hospital_a: Hospital, dana: SiteClient
) -> None:
    (offered,) = dana.datasets()
    assert offered.card == hospital_a.world.card(offered.card.version)
    assert offered.mock == MOCK


def test_nobody_reads_or_overwrites_the_reference(hospital_a: Hospital, dana: SiteClient) -> None:
    ref = next(iter(hospital_a.mirror._catalogue.references()))
    for path, given in (
        ("action.get", {"uid": ref}),
        ("action.set", {"action_object": _object_named(ref)}),
    ):
        with pytest.raises(CallFailed):
            dana._calls.call(path, **given)
    held = hospital_a.inside.call("action.get", uid=ref).syft_action_data_cache
    assert (held["site"], held["dataset"]) == (HOSPITAL, ADMISSIONS)


def test_nobody_overwrites_the_mock(hospital_a: Hospital, dana: SiteClient) -> None:
    for uid in hospital_a.mirror._catalogue.in_use():
        with pytest.raises(CallFailed):
            dana._calls.call("action.set", action_object=_object_named(uid))
    (offered,) = dana.datasets()
    assert offered.mock == MOCK


def _object_named(uid: object) -> object:
    made = inline({"site": "hospital-b"})
    made.id = uid
    return made


def test_a_request_is_filed_once_and_runs_when_it_is_approved(
    hospital_a: Hospital, dana: SiteClient
) -> None:
    signed = hospital_a.request()
    request = signed.request.request
    with pytest.raises(NotFound):
        dana.state(request)
    for _ in range(2):
        dana.submit(signed)
    assert dana.state(request).state is RequestState.PENDING
    hospital_a.look()
    with hospital_a.party.ledger.held() as register:
        assert register.request(request).signed == signed
    with pytest.raises(ApprovalMissing, match="not approved yet"):
        dana.ask(request, ERRAND)
    hospital_a.approve(request)
    assert dana.state(request).state is RequestState.APPROVED
    before = len(hospital_a.asked)
    assert dana.ask(request, ERRAND) == Ticketed(ticket=None)
    assert hospital_a.asked[before:] == [(request, errand_text(ERRAND))]


def test_another_process_finds_the_request_again(hospital_a: Hospital, running: RequestId) -> None:
    assert hospital_a.client().ask(running, ERRAND) == Ticketed(ticket=None)


def test_a_call_takes_less_than_a_glance(dana: SiteClient, running: RequestId) -> None:
    took = []
    for _ in range(10):
        start = time.perf_counter()
        dana.ask(running, ERRAND)
        took.append(time.perf_counter() - start)
    print(f"a trivial approved call: {sorted(took)[5]:.3f} s in the middle, {max(took):.3f} s")
    assert len(took) == 10


def test_what_calls_leave_behind_is_forgotten(
    hospital_a: Hospital, dana: SiteClient, running: RequestId
) -> None:
    services = hospital_a.site.datasite.services
    for _ in range(3):
        dana.ask(running, ERRAND)
    assert len(services.output.stash) >= 3
    hospital_a.seconds += 60
    hospital_a.look()
    assert len(services.output.stash) == 0
    in_use = len(hospital_a.mirror._catalogue.in_use())
    assert len(services.action.stash) > in_use
    hospital_a.seconds += 60
    hospital_a.look()
    assert len(services.action.stash) == in_use
    assert dana.ask(running, ERRAND) == Ticketed(ticket=None)


def test_several_ask_at_once(hospital_a: Hospital, dana: SiteClient, running: RequestId) -> None:
    found: list[Answer] = []
    threads = [
        threading.Thread(target=lambda: found.extend(dana.ask(running, ERRAND) for _ in range(3)))
        for _ in range(4)
    ]
    for one in threads:
        one.start()
    for _ in range(3):
        hospital_a.look()
    for one in threads:
        one.join()
    assert found == [Ticketed(ticket=None)] * 12


def test_nobody_calls_or_sees_the_request_of_another(
    hospital_a: Hospital, dana: SiteClient, dimitri: SiteClient, running: RequestId
) -> None:
    with pytest.raises(NotFound):
        dimitri.state(running)
    before = len(hospital_a.asked)
    code = dana._own(running)
    sent, mine = (
        inline({"request": str(running), "errand": errand_text(ERRAND)}) for _ in range(2)
    )
    dana._calls.call("action.set", action_object=mine)
    dimitri._calls.call("action.set", action_object=sent)
    for path, given in (
        ("code.call", {"uid": code.uid, "ref": code.ref, "payload": sent.id}),
        ("code.call", {"uid": code.uid, "ref": code.ref, "payload": mine.id}),
        ("code_status.get_by_uid", {"uid": code.status}),
        ("action.get", {"uid": mine.id}),
        ("action.set", {"action_object": _object_named(mine.id)}),
    ):
        with pytest.raises(CallFailed):
            dimitri._calls.call(path, **given)
    assert hospital_a.asked[before:] == []


@pytest.mark.parametrize(
    "payload",
    [
        {"errand": "x"},
        {"request": "cr-000000000000", "errand": errand_text(ERRAND)},
        {"request": "SELF", "errand": errand_text(ERRAND), "more": "x"},
        {"request": "SELF", "errand": 1},
        {"request": "SELF", "errand": "x" * (2**20 + 1)},
    ],
)
def test_a_payload_of_another_form_or_for_another_request_reaches_nobody(
    hospital_a: Hospital, dana: SiteClient, running: RequestId, payload: dict[str, object]
) -> None:
    code, before = dana._own(running), len(hospital_a.asked)
    if payload.get("request") == "SELF":
        payload = payload | {"request": str(running)}
    sent = inline(payload)
    dana._calls.call("action.set", action_object=sent)
    done = dana._calls.call("code.call", uid=code.uid, ref=code.ref, payload=sent.id)
    answer = dana._answer(dana._calls.call("action.get", uid=done.id))
    assert isinstance(answer, Declined)
    assert answer.code == ErrandGarbled.code
    assert hospital_a.asked[before:] == []


def test_what_the_site_declines_is_raised_under_its_name(
    hospital_a: Hospital, dana: SiteClient, running: RequestId, monkeypatch: pytest.MonkeyPatch
) -> None:
    def declining(_: object, __: str) -> str:
        code = Name(ApprovalExhausted.code)
        return answer_text(Declined(code=code, what=Sentence("No round is left"), where=None))

    monkeypatch.setattr("securefed.adapters.syft_site.approved._answering", {HOSPITAL: declining})
    with pytest.raises(ApprovalExhausted, match=r"No round is left \(hospital-a\)"):
        dana.ask(running, ERRAND)


def test_a_request_for_another_site_is_not_sent(hospital_a: Hospital, dana: SiteClient) -> None:
    with pytest.raises(NotFound, match="hospital-b"):
        dana.submit(hospital_a.world.request("hospital-b"))


def test_a_suspended_account_calls_no_more_and_its_requests_run_no_more(
    hospital_a: Hospital,
) -> None:
    rosalind = hospital_a.admitted("rosalind")
    client = hospital_a.client(rosalind)
    request = hospital_a.filed(client, rosalind)
    hospital_a.approve(request)
    assert client.ask(request, ERRAND) == Ticketed(ticket=None)
    prepare_site.suspend_account(hospital_a.party.ledger, rosalind, hospital_a.world.acting())
    hospital_a.look()
    with pytest.raises(LoginRefused):
        client.ask(request, ERRAND)
    assert "suspended" in hospital_a.denied_because(request)


def test_calls_go_to_an_address_that_answers(hospital_a: Hospital) -> None:
    with pytest.raises(SiteUnreachable):
        Calls("127.0.0.1", 1, hospital_a.world.signer(SCIENTIST), None)


def test_a_long_request_with_many_sites_arrives_whole(
    hospital_a: Hospital, dana: SiteClient
) -> None:
    world, study = hospital_a.world, hospital_a.request().request.study
    (part,) = [one for one in study.participants if one.site == HOSPITAL]
    others = [replace(part, site=SiteId(f"hospital-x{n}")) for n in range(30)]
    long = "Wiederaufnahme \N{EN DASH} \N{HOSPITAL} 'quoted' \"twice\" \\ {0} %s"
    value = Sentence((long + " 0.1," * 800)[:3999])
    names = (Line(f"parameter-{n:02}") for n in range(14))
    recipe = replace(
        study.recipe, parameters=tuple(Parameter(name=one, value=value) for one in names)
    )
    study = replace(
        study, title=Line(long), recipe=recipe, participants=(part, *others), minimum_sites=2
    )
    dana_signs = world.signer(SCIENTIST)
    signed = write_request(study, HOSPITAL, SCIENTIST, dana_signs, world.clock.now())
    assert len(source_of(signed)) > 60_000
    dana.submit(signed)
    hospital_a.look()
    with hospital_a.party.ledger.held() as register:
        assert register.request(signed.request.request).signed == signed
