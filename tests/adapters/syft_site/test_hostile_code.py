"""Code that is almost the function of a request, or not one's own: never runs, whatever it is."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from securefed.adapters.syft_site.approved import function_name, source_of
from securefed.adapters.syft_site.calls import CallFailed
from securefed.adapters.syft_site.client import SiteClient
from securefed.domain.door import Reason
from securefed.domain.request import RequestState, SignedRequest
from securefed.errors import LoginRefused
from securefed.steps import prepare_site
from tests.adapters.syft_site.places import QUIET, Hospital
from tests.world import OTHER_SCIENTIST

pytestmark = [pytest.mark.slow, QUIET]


@pytest.fixture(scope="module")
def dana(hospital_a: Hospital) -> SiteClient:
    return hospital_a.client()


def submitted(client: SiteClient, signed: SignedRequest, **changes: Any) -> Any:
    """The code's uid, of a submission that was tampered with."""
    code = client._code(signed)
    for name, value in changes.items():
        setattr(code, name, value)
    return client._calls.call("code.request_code_execution", code=code).code_id


def reason(hospital: Hospital, uid: Any) -> str:
    code = hospital.inside.call("code.get_by_id", uid=uid)
    status = hospital.inside.call("code_status.get_by_uid", uid=code.status_link.object_uid)
    (decision,) = status.status_dict.values()
    return f"{decision.status.value}: {decision.reason}"


def filed(hospital: Hospital) -> int:
    with hospital.party.ledger.held() as register:
        return len(register.requests)


def other_source(change: Callable[[str], str]) -> Callable[[SignedRequest], dict[str, Any]]:
    return lambda signed: {"code": change(source_of(signed))}


def smuggling(signed: SignedRequest) -> dict[str, Any]:
    """Names of arguments become source text in PySyft."""
    return {"input_kwargs": ["ref", "payload=__import__('os').abort() or payload, payload"]}


def other_arguments(signed: SignedRequest) -> dict[str, Any]:
    names = ("ref", "payload", "datasite")
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(name, kind) for name in names])
    return {"input_kwargs": list(names), "signature": signature}


def other_name(signed: SignedRequest) -> dict[str, Any]:
    return {"func_name": "cr_000000000000"}


@pytest.mark.parametrize(
    ("tampered", "why"),
    [
        (other_source(lambda text: text + "\n"), "not the function"),
        (other_source(lambda text: text.replace("{}", "{'all': open('/etc/passwd').read()}")), ""),
        (other_source(lambda text: text.replace("answer(", "answer (")), ""),
        (other_source(lambda text: text.replace("readmission", "research")), ""),
        (other_source(lambda text: text.replace('"cr-', '"cr-0')), ""),
        (other_source(lambda text: text.splitlines()[0] + "\n    return {'a': 1}\n"), ""),
        (other_source(lambda text: "def f(ref, payload): pass"), ""),
        (smuggling, "What PySyft made"),
        (other_arguments, "What PySyft made"),
        (other_name, "What PySyft made"),
    ],
)
def test_tampered_code_is_denied_and_not_filed(
    hospital_a: Hospital,
    dana: SiteClient,
    tampered: Callable[[SignedRequest], dict[str, Any]],
    why: str,
) -> None:
    signed, before = hospital_a.request(), filed(hospital_a)
    try:
        uid = submitted(dana, signed, **tampered(signed))
    except CallFailed:
        return
    hospital_a.look()
    assert filed(hospital_a) == before
    assert reason(hospital_a, uid).startswith("denied: ")
    assert why in reason(hospital_a, uid)


def test_code_about_another_asset_is_denied(hospital_a: Hospital, dana: SiteClient) -> None:
    signed = hospital_a.request()
    code = dana._code(signed)
    (rules,) = code.input_policy_init_kwargs.values()
    mocks = hospital_a.mirror._catalogue.in_use() - set(hospital_a.mirror._catalogue.references())
    rules["ref"].val = mocks.pop()
    uid = dana._calls.call("code.request_code_execution", code=code).code_id
    hospital_a.look()
    assert "dataset" in reason(hospital_a, uid)


def test_code_that_takes_more_is_denied(hospital_a: Hospital, dana: SiteClient) -> None:
    signed = hospital_a.request()
    code = dana._code(signed)
    (rules,) = code.input_policy_init_kwargs.values()
    rules["more"] = rules["payload"]
    uid = dana._calls.call("code.request_code_execution", code=code).code_id
    hospital_a.look()
    assert "inputs" in reason(hospital_a, uid)


def test_somebody_elses_request_submitted_again_is_denied(
    hospital_a: Hospital, dana: SiteClient
) -> None:
    dimitri = hospital_a.client(OTHER_SCIENTIST)
    request = hospital_a.approved(dana)
    with hospital_a.party.ledger.held() as register:
        signed = register.request(request).signed
    uid = submitted(dimitri, signed)
    hospital_a.look()
    assert "signed by somebody else" in reason(hospital_a, uid)
    assert hospital_a.denied_because(request).count("somebody else") == 1


def test_a_request_that_the_site_refuses_is_denied_with_its_words(
    hospital_a: Hospital, dana: SiteClient
) -> None:
    ledger, by = hospital_a.party.ledger, hospital_a.world.acting()
    signed = hospital_a.request()
    dana.submit(signed)
    prepare_site.pause_site(ledger, by)
    hospital_a.look()
    prepare_site.resume_site(ledger, by)
    hospital_a.look()
    assert "paused" in hospital_a.denied_because(signed.request.request)
    assert dana.state(signed.request.request).state is RequestState.DENIED


def test_changed_code_under_the_same_name_does_not_run_after_an_approval(
    hospital_a: Hospital, dana: SiteClient
) -> None:
    request = hospital_a.approved(dana)
    with hospital_a.party.ledger.held() as register:
        signed = register.request(request).signed
    name = function_name(request)
    uid = submitted(dana, signed, code=f"def {name}(ref, payload):\n    return {{'a': 1}}\n")
    hospital_a.look()
    assert reason(hospital_a, uid).startswith("denied")
    good = dana._own(request)
    assert uid != good.uid
    with pytest.raises(CallFailed):
        dana._calls.call("code.call", uid=uid, ref=good.ref, payload=good.ref)


def test_nobody_approves_an_own_request_or_changes_code(
    hospital_a: Hospital, dana: SiteClient
) -> None:
    signed = hospital_a.request()
    dana.submit(signed)
    own = dana._own(signed.request.request)
    for path in ("request.apply", "request.undo", "code.update", "code_status.update"):
        before = len(hospital_a.refused)
        with pytest.raises(LoginRefused):
            dana._calls.call(path, uid=own.uid)
        assert [one.reason for one in hospital_a.refused[before:]] == [Reason.SERVICE]
