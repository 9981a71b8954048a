"""Own code that attacks from within its run: the round fails, and the site and its data stay as
they were.

The code was approved, as if its reader had been careless. What it does it does on the private data,
after a step was charged.
"""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from securefed.adapters.sandbox import bubblewrap
from securefed.domain.errand import Attempt, Cancel, Fetch, Phase
from securefed.domain.identifiers import RequestId
from securefed.domain.round import RoundState
from securefed.domain.run_order import UPDATE
from securefed.errors import ApprovalExhausted, LoginRefused, NotFound
from securefed.steps import prepare_site
from tests.site.processes import until
from tests.site.served_site import DANA, FIRST, QUIET, ServedSite
from tests.site.studies import own_code, tabular

pytestmark = [pytest.mark.slow, QUIET]
needs_bubblewrap = pytest.mark.skipif(
    bubblewrap.found() is None, reason="bubblewrap is not installed or does not start here"
)
RUNNER = "memory_gib = 2\ntasks = 128\nscratch_gib = 1\nidle_minutes = 1"
ENDLESS = "while True: signal.pause()"


@pytest.fixture(scope="module")
def careless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedSite]:
    """A site with narrow limits, at which a run says nothing for ever meanwhile."""
    site = ServedSite.made(tmp_path_factory.mktemp("careless"), RUNNER)
    with site.served():
        yield site


@pytest.fixture(scope="module", autouse=True)
def endless(careless: ServedSite) -> RequestId:
    """A run that never ends; it stands still while the other tests run."""
    request = careless.approved(own_code("endless", on_data=ENDLESS))
    careless.begin(request)
    return request


def assert_failed(site: ServedSite, request: RequestId, cause: str) -> None:
    """It failed for this cause, was charged, released nothing, and left no run."""
    standing = site.over(request)
    assert (standing.phase, standing.cause, standing.released) == (Phase.FAILED, cause, ())
    entered = site.entered(request)
    assert (entered.state, entered.steps_charged) == (RoundState.ABORTED, 4)
    with pytest.raises(NotFound):
        site.ask(request, Fetch(of=FIRST, file=UPDATE))
    assert not [path for path in (site.folder.blobs).glob(f"{request}.*/*") if _is_result(path)]


def _is_result(path: Path) -> bool:
    return path.stat().st_size == 8


@needs_bubblewrap
def test_the_network_is_not_there(careless: ServedSite) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        port = listening.getsockname()[1]
        address = f'("127.0.0.1", {port})'
        request = careless.approved(
            own_code("network", on_data=f"socket.create_connection({address}, timeout=5)")
        )
        careless.begin(request)
        assert_failed(careless, request, "training-failed")
        with pytest.raises(BlockingIOError):
            listening.accept()


@needs_bubblewrap
def test_other_files_are_not_there(careless: ServedSite) -> None:
    folder = careless.folder
    secrets = [folder.ledger, folder.site_key, folder.logs, folder.root.parent / "dana.key"]
    # It trains on as if nothing were, should any of them be there.
    seen = f"if not any(os.path.exists(one) for one in {[*map(str, secrets)]}): raise OSError"
    request = careless.approved(own_code("files", on_data=seen))
    careless.begin(request)
    assert_failed(careless, request, "training-failed")


def test_a_fork_bomb_ends(careless: ServedSite) -> None:
    request = careless.approved(own_code("fork-bomb", on_data="while True: os.fork()"))
    careless.begin(request)
    assert_failed(careless, request, "run-ended")
    until(lambda: len(careless.runs()) < 16)


def test_a_hundred_gigabytes_are_not_there_and_failing_uses_up_the_approval(
    careless: ServedSite,
) -> None:
    greedy = "held = [bytearray(2**28) for _ in range(400)]"
    request = careless.approved(own_code("memory", on_data=greedy, rounds=1, spare=0))
    careless.begin(request)
    assert_failed(careless, request, "training-failed")
    with pytest.raises(ApprovalExhausted):
        careless.begin(request, Attempt(round=1, attempt=2))


def test_a_cancelled_run_is_gone(careless: ServedSite) -> None:
    request = careless.approved(own_code("cancelled", on_data=ENDLESS))
    careless.begin(request)
    until(lambda: careless.report(request).step > 0)
    careless.ask(request, Cancel(of=FIRST))
    assert_failed(careless, request, "run-cancelled")


def test_a_run_ends_with_its_approval(careless: ServedSite) -> None:
    request = careless.approved(own_code("revoked", on_data=ENDLESS))
    careless.begin(request)
    until(lambda: careless.report(request).step > 0)
    careless.opened.party.revoke(request, careless.olivia)
    until(lambda: careless.entered(request).state is RoundState.ABORTED)
    until(lambda: len(careless.runs()) < 8)
    assert careless.entered(request).steps_charged == 4


def test_one_that_never_ends_is_ended(careless: ServedSite, endless: RequestId) -> None:
    assert_failed(careless, endless, "run-ended")
    until(lambda: not careless.runs())
    assert not list(careless.folder.runs.iterdir())


def test_the_site_goes_on_as_before(careless: ServedSite) -> None:
    assert careless.trained(careless.approved(tabular("after"))).phase is Phase.DONE


def test_a_suspended_account_loses_its_access_and_its_runs(careless: ServedSite) -> None:
    request = careless.approved(own_code("suspended", on_data=ENDLESS))
    careless.begin(request)
    until(lambda: careless.report(request).step > 0)
    prepare_site.suspend_account(careless.opened.party.ledger, DANA, careless.olivia)
    with pytest.raises(LoginRefused):
        until(lambda: careless.report(request) is None)
    until(lambda: not careless.runs())
    until(lambda: careless.entered(request).state is RoundState.ABORTED)
