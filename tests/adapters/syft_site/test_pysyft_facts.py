"""What PySyft 0.9.5 does and does not: one test for each fact that the site is built around.

A test that fails after an upgrade says which of our own parts may no longer be needed.
"""

import copy
import hashlib
import importlib.metadata
import inspect
import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import syft
from syft.client.api import SyftAPICall
from syft.server.credentials import SyftSigningKey
from syft.server.datasite import Datasite
from syft.service.policy.policy import OutputPolicyExecuteCount
from syft.service.user.user_roles import ServiceRole
from syft.types.server_url import ServerURL
from syft.types.syft_object_registry import SyftObjectRegistry

from securefed.adapters.syft_site.inside import Inside
from securefed.adapters.syft_site.pysyft import inline
from tests.adapters.syft_site.places import DANA, QUIET, Place

pytestmark = [pytest.mark.slow, QUIET]


def policy(site_a: Place, ref: Any = None) -> Any:
    return syft.MixedInputPolicy(ref=ref or site_a.ref, payload=dict, client=site_a.dana)


def test_it_is_the_version_that_was_measured() -> None:
    assert importlib.metadata.version("syft") == "0.9.5"


def test_the_limit_of_an_output_policy_is_ignored(site_a: Place) -> None:
    @syft.syft_function(
        input_policy=policy(site_a), output_policy=OutputPolicyExecuteCount(limit=2)
    )
    def limited(ref: dict, payload: dict) -> int:
        return int(payload["n"])

    uid = site_a.submitted(limited)
    site_a.request_of(uid).approve()
    assert [site_a.call(uid, {"n": n}) for n in range(4)] == [0, 1, 2, 3]


def test_code_runs_twice_beside_a_mock_twin(site_a: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a mock it runs twice as well, where the owner registered the asset within the site's
    process: the second time on an empty stand-in, which is no dict."""
    ran: list[tuple[str, str]] = []
    watching = types.ModuleType("watching_of_the_test")
    vars(watching)["ran"] = lambda name, ref: ran.append((name, type(ref).__name__))
    monkeypatch.setitem(sys.modules, "watching_of_the_test", watching)
    twin, alone = (
        site_a.asset(f"data-{mocked}", {"name": f"{mocked}"}, twin=mocked)
        for mocked in (True, False)
    )

    @syft.syft_function(input_policy=policy(site_a, twin))
    def beside_a_mock(ref: dict, payload: dict) -> int:
        import watching_of_the_test as watching

        watching.ran("twin", ref)
        return 1

    @syft.syft_function(input_policy=policy(site_a, alone))
    def all_alone(ref: dict, payload: dict) -> int:
        import watching_of_the_test as watching

        watching.ran("alone", ref)
        return 1

    for function, ref in ((beside_a_mock, twin), (all_alone, alone)):
        uid = site_a.submitted(function)
        site_a.request_of(uid).approve()
        site_a.call(uid, {"n": 1}, ref)
    assert ran[:2] == [("twin", "dict"), ("twin", "dict")]
    assert ran[2:] == [("alone", "dict"), ("alone", "AnyActionObject")]


def test_an_approval_binds_the_source_and_not_what_it_imports(
    site_a: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "library_of_the_site.py"
    module.write_text("ANSWER = 1\n")

    @syft.syft_function(input_policy=policy(site_a))
    def importing(ref: dict, payload: dict) -> int:
        import library_of_the_site

        return int(library_of_the_site.ANSWER)

    uid = site_a.submitted(importing)
    request = site_a.request_of(uid)
    request.approve()
    assert site_a.call(uid, {"n": 1}) == 1
    module.write_text("ANSWER = 2222\n")
    sys.modules.pop("library_of_the_site")
    importlib.invalidate_caches()
    assert site_a.call(uid, {"n": 2}) == 2222
    code = site_a.site.owner.api.services.code.get_by_id(uid=uid)
    bound = f"{code.raw_code}{code.user_verify_key}"
    assert code.code_hash == hashlib.sha256(bound.encode()).hexdigest()
    request.deny(reason="enough")
    with pytest.raises(syft.SyftException, match="DENIED"):
        site_a.call(uid, {"n": 3})


def test_unapproved_code_does_not_run(site_a: Place) -> None:
    @syft.syft_function(input_policy=policy(site_a))
    def waiting(ref: dict, payload: dict) -> int:
        return 1

    uid = site_a.submitted(waiting)
    with pytest.raises(syft.SyftException, match="PENDING"):
        site_a.call(uid, {})


def test_a_call_that_does_not_wait_skips_every_check_of_the_role(site_a: Place) -> None:
    datasite = site_a.site.datasite
    stranger = SyftSigningKey.generate()

    def asked(blocking: bool) -> Any:
        call = SyftAPICall(
            server_uid=datasite.id, path="user.get_all", args=[], kwargs={}, blocking=blocking
        )
        return datasite.handle_api_call(call.sign(stranger)).message.data

    with pytest.raises(syft.SyftException, match="guest"):
        asked(blocking=True)
    queued = asked(blocking=False)
    assert type(queued).__name__ == "Job"
    assert queued.status.value == "created"


def test_a_surplus_field_replaces_the_signed_message(site_a: Place) -> None:
    """Whoever has one signed call of an owner can have PySyft run another one in its name."""
    datasite = site_a.site.datasite

    def call(path: str) -> SyftAPICall:
        return SyftAPICall(server_uid=datasite.id, path=path, args=[], kwargs={})

    overheard = call("metadata.get_metadata").sign(datasite.signing_key)
    overheard.cached_deseralized_message = call("user.get_all")
    answer = datasite.handle_api_call(overheard).message.data
    assert [user.email for user in answer.value] == ["olivia@example.org", DANA[0]]


def test_the_url_loses_its_port_under_https() -> None:
    assert ServerURL.from_url("https://127.0.0.1:9443").port == 443
    kept = ServerURL(protocol="https", host_or_ip="127.0.0.1", port=9443)
    assert copy.copy(kept).port == 443


def test_settings_are_cached(site_a: Place) -> None:
    datasite, owner = site_a.site.datasite, site_a.site.owner
    try:
        owner.settings.update(allow_guest_sessions=True)
        assert datasite.settings.allow_guest_sessions
        assert not datasite.get_settings().allow_guest_sessions
    finally:
        owner.settings.update(allow_guest_sessions=False)


def test_the_length_of_the_requests_cannot_be_asked(site_a: Place) -> None:
    with pytest.raises((TypeError, syft.SyftException, AttributeError)):
        len(site_a.site.owner.requests)


def test_without_consumers_there_is_no_queue_that_listens(site_a: Place) -> None:
    manager = site_a.site.datasite.queue_manager
    assert [*manager.consumers.values(), *manager.producers.values()] == []


def test_a_named_server_has_a_key_that_its_name_gives_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, Any] = {}
    monkeypatch.setattr(Datasite, "__init__", lambda _, **given: made.update(given))
    Datasite.named(name="hospital-a")
    seed = hashlib.sha256(b"hospital-a").digest()
    assert bytes(made["signing_key"].signing_key) == seed


def test_no_type_on_the_wire_is_a_pickle() -> None:
    source = Path(syft.__file__).parent / "serde"
    for path in source.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for word in ("pickle", "dill", "torch.load", "marshal", "joblib"):
            assert word not in text, path
    names = SyftObjectRegistry.__object_serialization_registry__
    assert not [name for name in names if "pickle" in name.lower()]


def test_guests_may_call_what_only_the_door_refuses() -> None:
    """Why the door lists services, and does not rely on PySyft's roles."""
    from syft.service.service import UserServiceConfigRegistry

    offered = UserServiceConfigRegistry.from_role(ServiceRole.GUEST)
    for path in ("metadata.get_env", "network.add_peer", "action.set", "code.submit"):
        assert path in offered


def test_every_call_is_kept_for_ever_and_read_before_the_next(site_a: Place) -> None:
    """Why the mirror forgets: calls become slower with each one before."""

    @syft.syft_function(input_policy=policy(site_a))
    def remembered(ref: dict, payload: dict) -> int:
        return 1

    uid = site_a.submitted(remembered)
    site_a.request_of(uid).approve()
    services = site_a.site.datasite.services
    objects = len(services.action.stash)
    for n in range(3):
        site_a.call(uid, {"n": n})
    kept = services.output.stash.get_by_user_code_id(site_a.site.datasite.verify_key, uid).unwrap()
    assert len(kept) == 3
    assert len(services.action.stash) >= objects + 6
    source = inspect.getsource(type(services.user_code)._call)
    assert "output_history = code.get_output_history" in source


def test_a_plain_object_as_asset_runs_once(site_a: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why the reference is no dataset's upload: that is a twin even without a mock."""
    ran: list[str] = []
    watching = types.ModuleType("watching_of_the_test")
    vars(watching)["ran"] = lambda ref: ran.append(type(ref).__name__)
    monkeypatch.setitem(sys.modules, "watching_of_the_test", watching)
    inside = Inside(site_a.site.datasite)
    uid = inside.call("action.set", action_object=inline({"site": "hospital-a"})).id.id

    @syft.syft_function(
        input_policy=syft.MixedInputPolicy(ref=uid, payload=dict, client=site_a.dana)
    )
    def plain(ref: dict, payload: dict) -> int:
        import watching_of_the_test as watching

        watching.ran(ref)
        return 1

    code = site_a.submitted(plain)
    site_a.request_of(code).approve()
    sent = syft.ActionObject.from_obj({"n": 1}).send(site_a.dana)
    site_a.dana.api.services.code.call(uid=code, ref=uid, payload=sent.id)
    assert ran == ["dict"]


def test_names_of_arguments_become_source(site_a: Place) -> None:
    """Why the site compares what PySyft made of a submission, and not what was submitted."""

    @syft.syft_function(input_policy=policy(site_a))
    def smuggled(ref: dict, payload: dict) -> int:
        return 1

    smuggled.input_kwargs = ["ref", "payload=print(7) or payload, payload"]
    uid = site_a.submitted(smuggled)
    code = site_a.site.owner.api.services.code.get_by_id(uid=uid)
    assert "print(7)" in code.parsed_code
    assert "print(7)" not in code.raw_code


def test_approved_code_has_the_rights_of_the_site(site_a: Place) -> None:
    """Why the approved function is a template of ours, and training happens behind walls."""

    @syft.syft_function(input_policy=policy(site_a))
    def unwalled(ref: dict, payload: dict) -> int:
        import os

        return os.getpid()

    uid = site_a.submitted(unwalled)
    site_a.request_of(uid).approve()
    assert site_a.call(uid, {}) == os.getpid()


def test_the_login_hands_out_a_private_key_that_the_site_made(site_a: Place) -> None:
    """Why nobody logs in: the site would know each account's private key."""
    email, password = DANA
    key = site_a.site.owner.guest().connection.login(email=email, password=password).signing_key
    assert key.verify_key == site_a.dana.verify_key
