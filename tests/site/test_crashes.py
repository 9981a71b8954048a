"""`kill -9` of a served site in every state, and its end when it is asked to: nothing is left, what
was charged stays charged, and the same questions have true answers afterwards.

A run of these tests stops itself, by SIGSTOP, where its state is to be looked at.
"""

import signal
from collections.abc import Iterator
from dataclasses import replace
from os import kill
from pathlib import Path
from typing import TypeAlias

import pytest

from securefed.adapters.sqlite_store import open_ledger
from securefed.domain.blob import read_ticket
from securefed.domain.errand import Attempt, Fetch, Phase, Ticketed, Train
from securefed.domain.event import CallsRefused
from securefed.domain.identifiers import RequestId
from securefed.domain.round import RoundState
from securefed.domain.run_order import UPDATE
from tests.site.knocking import asked
from tests.site.processes import until
from tests.site.served_site import FIRST, QUIET, ServedSite
from tests.site.studies import STOP_HERE, STOP_ONCE, own_code, tabular

pytestmark = [pytest.mark.slow, QUIET]
Begun: TypeAlias = tuple[RequestId, Train]


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedSite]:
    """A site that these tests kill and start again."""
    site = ServedSite.made(tmp_path_factory.mktemp("fragile"))
    with site.served():
        yield site


def crashed(site: ServedSite) -> None:
    """Killed, and started again; what lay about is gone."""
    left = [*site.folder.runs.iterdir()]
    site.kill()
    site.start()
    assert not any(path.exists() for path in left)
    assert not [path for path in site.folder.kept.iterdir() if path.is_dir()]


def assert_settled(site: ServedSite, asked: Begun, state: RoundState, charged: int) -> None:
    """The attempt is over for good, and asking for it again runs nothing."""
    request, errand = asked
    entered = site.entered(request)
    assert (entered.state, entered.cause) == (state, "site-restarted")
    assert (entered.steps_charged, entered.released) == (charged, ())
    standing = site.report(request)
    assert (standing.phase, standing.cause) == (Phase.FAILED, "site-restarted")
    assert not standing.released
    assert site.ask(request, errand) == standing
    assert not site.runs()


def test_killed_before_the_first_step(fragile: ServedSite) -> None:
    request = fragile.approved(own_code("unbegun", in_model=STOP_HERE))
    errand = fragile.begin(request)
    fragile.stopped_run()
    assert fragile.report(request).phase is Phase.STARTING
    crashed(fragile)
    assert_settled(fragile, (request, errand), RoundState.REFUNDED, 0)


def test_killed_while_training(fragile: ServedSite) -> None:
    request = fragile.approved(own_code("training", on_data=STOP_HERE))
    errand = fragile.begin(request)
    fragile.stopped_run()
    assert fragile.report(request).phase is Phase.TRAINING
    crashed(fragile)
    assert_settled(fragile, (request, errand), RoundState.ABORTED, 4)


def test_killed_when_the_update_lies_there_and_is_not_committed(fragile: ServedSite) -> None:
    request = fragile.approved(own_code("laid", on_data=STOP_ONCE))
    errand = fragile.begin(request)
    run = fragile.stopped_run()
    # Nobody can write to the ledger beside this: the commit waits.
    with open_ledger(fragile.folder.ledger).exclusive():
        kill(run, signal.SIGCONT)
        until(lambda: laid(fragile, request))
        fragile.kill()
    fragile.start()
    assert_settled(fragile, (request, errand), RoundState.ABORTED, 4)
    until(lambda: not laid(fragile, request))
    assert not [path for path in fragile.folder.kept.iterdir() if path.is_dir()]


def laid(site: ServedSite, request: RequestId) -> list[Path]:
    """The updates of the first attempt: two numbers."""
    found = site.folder.blobs.glob(f"{request}.1.1/*")
    return [path for path in found if path.suffix != ".part" and path.stat().st_size == 8]


def test_killed_while_a_run_waits(fragile: ServedSite, tmp_path: Path) -> None:
    request = fragile.approved(tabular("idle"))
    before = fragile.trained(request)
    assert before.phase is Phase.DONE
    assert fragile.runs()
    crashed(fragile)
    assert fragile.report(request) == replace(before, spent=None)
    answer = fragile.ask(request, Fetch(of=FIRST, file=UPDATE))
    assert isinstance(answer, Ticketed)
    fragile.blobs.fetch(read_ticket(str(answer.ticket)), tmp_path / "update")
    # A later round is a new run, after a crash as before.
    second = Attempt(round=2, attempt=1)
    weights = (tmp_path / "update").read_bytes()
    assert fragile.trained(request, second, weights).phase is Phase.DONE


def test_asked_to_end_while_it_trains(fragile: ServedSite) -> None:
    request = fragile.approved(own_code("ended", on_data=STOP_HERE))
    fragile.begin(request)
    fragile.stopped_run()
    for path in ("/docs", "/blobs/../api/v2/api_call"):
        assert asked(fragile, "GET", path)[0] == 404
    fragile.stop()
    assert {"path", "not-found"} <= refusals(fragile)
    entered = fragile.entered(request)
    assert (entered.state, entered.cause) == (RoundState.ABORTED, "run-cancelled")
    assert entered.steps_charged == 4
    fragile.start()
    assert fragile.report(request).phase is Phase.FAILED


def refusals(site: ServedSite) -> set[str]:
    """For what the site turned somebody away lately, by its ledger."""
    lately = [entry.event for entry in site.opened.party.ledger.history(10)]
    return {
        one.reason for event in lately if isinstance(event, CallsRefused) for one in event.refused
    }
