"""How fast a served site answers, begins a round, and moves files; and in how much memory.

A site as an owner serves it: `securefed site serve` in a process of its own, PySyft, ledger, and
runs behind the walls. When an entry reached the ledger is watched from outside, so nobody has to
ask the site meanwhile. The peer is PySyft as it comes, served without a door. Every number depends
on what else the machine does: the first rows say how busy it was.
"""

import contextlib
import hashlib
import io
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.harness import Bench, Goal, leave_out, run
from benchmarks.worlds.ledger_watch import LedgerWatch
from benchmarks.worlds.plain_syft import PlainSyft, both_ways
from benchmarks.worlds.served_site import PARAMETERS, SITE, ServedSite
from securefed.adapters.blob_http import BlobClient
from securefed.adapters.site_folder import SiteFolder
from securefed.adapters.syft_site.client import SiteClient
from securefed.adapters.this_machine import SystemClock, SystemEntropy
from securefed.adapters.this_machine.probe import sandbox
from securefed.domain.blob import BlobId, Direction, SignedTicket, read_ticket
from securefed.domain.errand import (
    Attempt,
    Cancel,
    Deliver,
    Errand,
    Fetch,
    Phase,
    Report,
    Standing,
    Ticketed,
    Train,
)
from securefed.domain.identifiers import Digest, RequestId
from securefed.domain.round import RoundId
from securefed.domain.site import Sandbox
from securefed.errors import SecurefedError
from securefed.steps.issue_ticket import issue_ticket

_PEER = "PySyft alone"
_ROUNDS, _CALLS = 12, 100
_POLL_S = 0.05
_SEEN_S = 0.02
_MB = 1_000_000
_PASSES = 3
_MIDDLE_MB, _LARGE_MB, _PEER_MB = 100, 300, 20
_CALLERS, _SECONDS = 10, 10
# More steps than the polls last for.
_MANY_STEPS = 20_000
_MEMORY = Goal("ours", "<", 700)
Found = TypeVar("Found")


def measure(bench: Bench) -> None:
    """From an empty folder to a stopped site."""
    if sandbox() is not Sandbox.BUBBLEWRAP:
        leave_out("bubblewrap does not start here")
    _busy(bench, "before")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "plain").mkdir(mode=0o700)
        peer = PlainSyft(folder / "plain")
        site = ServedSite(folder)
        try:
            _starts(bench, site)
            client = _login(bench, site, peer)
            _rounds(bench, site, client)
            _calls(bench, site, client, peer)
            _polls(bench, site, client)
            _files(bench, site, client, peer, folder)
            client.close()
        finally:
            site.stop()
            peer.kill()
    _busy(bench, "after")


def _busy(bench: Bench, when: str) -> None:
    bench.row(f"the machine {when} it", "load of one minute", "processes", ours=os.getloadavg()[0])


# --- start, login --------------------------------------------------------------------------------


def _starts(bench: Bench, site: ServedSite) -> None:
    goal = Goal("ours", "<", 12)
    bench.row("serve a new site", "start to ready", "s", ours=site.start(), goal=goal)
    bench.row("end it", "SIGTERM to the process's end", "s", ours=site.stop())
    bench.row("serve it again", "start to ready", "s", ours=site.start(), goal=goal)
    bench.row("idle", "resident memory", "MB", ours=site.memory_mb("VmRSS"), goal=_MEMORY)


def _login(bench: Bench, site: ServedSite, peer: PlainSyft) -> SiteClient:
    ours, theirs = _seconds(lambda: site.connect().close()), _quiet_seconds(peer.login)
    bench.row("connect", "time", "s", ours=ours, peer=theirs, peer_name=_PEER)
    return site.connect()


# --- rounds --------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Round:
    """Seconds: from Train sent, when what reached the ledger, and DONE the client; files apart."""

    brought: float
    reserved: float
    first_step: float
    committed: float
    done: float
    fetched: float


def _rounds(bench: Bench, site: ServedSite, client: SiteClient) -> None:
    request = site.approved(client, "rounds", rounds=_ROUNDS + 1, steps=16, noise=100)
    with LedgerWatch(SiteFolder(site.root).ledger) as watch:
        first, *later = [
            _one_round(site, client, request, number, watch) for number in range(1, _ROUNDS + 1)
        ]
    case = "first round of an approval"
    goal = Goal("ours", "<=", 5)
    bench.row(case, "admission to first step", "s", ours=first.first_step, goal=goal)
    bench.row(case, "Train to DONE", "s", ours=first.done)
    case = f"later rounds of 16 steps, median of {len(later)}"
    goal = Goal("ours", "<=", 0.5)
    parts: tuple[tuple[str, Callable[[_Round], float], Goal | None], ...] = (
        ("admission to first step", lambda one: one.first_step, goal),
        ("Train to DONE", lambda one: one.done, None),
        ("of it: Train to its reservation", lambda one: one.reserved, None),
        ("of it: to the first step", lambda one: one.first_step - one.reserved, None),
        ("of it: to the commit", lambda one: one.committed - one.first_step, None),
        ("of it: until the client hears", lambda one: one.done - one.committed, None),
        ("before it: weights to the site", lambda one: one.brought, None),
        ("after it: the update from the site", lambda one: one.fetched, None),
    )
    for name, part, wanted in parts:
        bench.row(case, name, "s", ours=statistics.median(map(part, later)), goal=wanted)


def _one_round(
    site: ServedSite, client: SiteClient, request: RequestId, number: int, watch: LedgerWatch
) -> _Round:
    of = Attempt(round=number, attempt=1)
    begun = time.perf_counter()
    weights = None if number == 1 else _brought(site, client, request, of)
    sent = time.perf_counter()
    standing = _stands(client, request, Train(of=of, weights=weights, code=None, protection=None))
    while not standing.phase.over:
        standing = _stands(client, request, Report(of=of, wait_s=1))
    done = time.perf_counter()
    if standing.phase is not Phase.DONE:
        raise ChildProcessError(f"Round {number} ended: {standing.cause}")
    _fetched(site, client, request, standing)
    end = time.perf_counter()
    time.sleep(_SEEN_S)  # until the last entry was seen
    return _Round(
        brought=sent - begun,
        reserved=watch.first("round-reserved", sent) - sent,
        first_step=watch.first("steps-authorised", sent) - sent,
        committed=watch.first("round-committed", sent) - sent,
        done=done - sent,
        fetched=end - done,
    )


def _brought(site: ServedSite, client: SiteClient, request: RequestId, of: Attempt) -> Digest:
    data = np.full(PARAMETERS, of.round, "<f4").tobytes()
    digest = _digest(data)
    path = site.root.parent / "weights"
    path.write_bytes(data)
    ticket = _ticket(client, request, Deliver(of=of, blob=digest, length=len(data)))
    BlobClient(site.blobs).send(ticket, path)
    return digest


def _fetched(site: ServedSite, client: SiteClient, request: RequestId, standing: Standing) -> None:
    of = Attempt(round=standing.id.round, attempt=standing.id.attempt)
    ticket = _ticket(client, request, Fetch(of=of, file=standing.released[0].file))
    BlobClient(site.blobs).fetch(ticket, site.root.parent / "update")


# --- calls ---------------------------------------------------------------------------------------


def _calls(bench: Bench, site: ServedSite, client: SiteClient, peer: PlainSyft) -> None:
    request = site.approved(client, "calls", rounds=1, steps=_MANY_STEPS, noise=1000)
    of = Attempt(round=1, attempt=1)
    ticket = Deliver(of=of, blob=_digest(b"never brought"), length=1)
    ours = sorted(_seconds(lambda: client.ask(request, ticket)) for _ in range(_CALLS))
    call = _quietly(peer.approved_call)
    theirs = sorted(_seconds(call) for _ in range(_CALLS))
    goal = Goal("ours", "<=", 0.2)
    for measure, at in (("median", 0.5), ("95th percentile", 0.95)):
        place = int(at * _CALLS)
        bench.row(
            f"an approved call without work, {_CALLS} times",
            measure,
            "s",
            ours=ours[place],
            peer=theirs[place],
            peer_name=_PEER,
            goal=goal,
        )


def _polls(bench: Bench, site: ServedSite, client: SiteClient) -> None:
    """Ten callers while the site trains: each at moments of its own, then all at the same one."""
    request = site.approved(client, "polls", rounds=1, steps=_MANY_STEPS, noise=1000)
    of = Attempt(round=1, attempt=1)
    standing = _stands(client, request, Train(of=of, weights=None, code=None, protection=None))
    while standing.step == 0:
        time.sleep(_POLL_S)
        standing = _stands(client, request, Report(of=of))

    def caller(late: float) -> list[float]:
        return _polled(client, request, of, late)

    own = f"{_CALLERS} callers, each once a second for {_SECONDS} s, while a run trains"
    same = f"the same {_CALLERS}, all in the same moment"
    with ThreadPoolExecutor(_CALLERS) as callers:
        for case, apart, goal in ((own, 1 / _CALLERS, Goal("ours", "<=", 0)), (same, 0.0, None)):
            lists = callers.map(caller, [apart * number for number in range(_CALLERS)])
            found = [one for each in lists for one in each]
            missed = sum(one > 1 for one in found)
            bench.row(case, "failed, or later than the next", "polls", ours=missed, goal=goal)
            answered = [one for one in found if math.isfinite(one)]
            bench.row(case, "median", "s", ours=statistics.median(answered))
            bench.row(case, "slowest", "s", ours=max(answered))
    client.ask(request, Cancel(of=of))
    bench.row("after them", "peak memory", "MB", ours=site.memory_mb("VmHWM"), goal=_MEMORY)


def _polled(client: SiteClient, request: RequestId, of: Attempt, late: float) -> list[float]:
    """Seconds of each poll of one caller; infinite where it was not told that the run trains."""
    begun, found = time.monotonic() + late, []
    for number in range(_SECONDS):
        time.sleep(max(0.0, begun + number - time.monotonic()))
        start = time.perf_counter()
        try:
            trains = _stands(client, request, Report(of=of)).phase is Phase.TRAINING
        except SecurefedError:
            trains = False
        found.append(time.perf_counter() - start if trains else math.inf)
    return found


# --- files ---------------------------------------------------------------------------------------


def _files(
    bench: Bench, site: ServedSite, client: SiteClient, peer: PlainSyft, folder: Path
) -> None:
    """Tickets are signed here with the site's key: an errand gives one for the model's size."""
    request = site.approved(client, "files", rounds=1, steps=16, noise=100)
    small = [_both_ways_of(site, request, folder, _PEER_MB) for _ in range(_PASSES)]
    theirs = _quietly(lambda: both_ways(peer.login(), os.urandom(_PEER_MB * _MB)))
    middle = [_both_ways_of(site, request, folder, _MIDDLE_MB) for _ in range(_PASSES)]
    after_middle = site.memory_mb("VmHWM")
    large = [_both_ways_of(site, request, folder, _LARGE_MB)]
    after_large = site.memory_mb("VmHWM")
    for index, way in enumerate(("up", "down")):
        rate = _PEER_MB / statistics.median(one[index] for one in small)
        syft = _PEER_MB / theirs[index]
        bench.row(f"{_PEER_MB} MB {way}", "rate", "MB/s", ours=rate, peer=syft, peer_name=_PEER)
        for size, found in ((_MIDDLE_MB, middle), (_LARGE_MB, large)):
            rate = size / statistics.median(one[index] for one in found)
            goal = Goal("ours", ">=", 100)
            bench.row(f"{size} MB {way}", "rate", "MB/s", ours=rate, goal=goal)
    case = f"the site's process after {_LARGE_MB} MB both ways"
    bench.row(case, "peak memory", "MB", ours=after_large, goal=_MEMORY)
    case = f"{_LARGE_MB} MB instead of {_MIDDLE_MB} MB"
    growth = after_large - after_middle
    bench.row(case, "growth of the peak", "MB", ours=growth, goal=Goal("ours", "<", 8))


def _both_ways_of(
    site: ServedSite, request: RequestId, folder: Path, size: int
) -> tuple[float, float]:
    """Seconds for so many megabytes up and down."""
    source, target = folder / "source", folder / "target"
    data = os.urandom(size * _MB)
    source.write_bytes(data)
    blob = BlobId(of=RoundId(request=request, round=1, attempt=1), digest=_digest(data))
    channel = BlobClient(site.blobs)
    up = _signed(site, blob, Direction.UPLOAD, len(data))
    down = _signed(site, blob, Direction.DOWNLOAD, len(data))
    # What the system still has to write of an earlier transfer is not this one's time.
    os.sync()
    first = _seconds(lambda: channel.send(up, source))
    os.sync()
    return first, _seconds(lambda: channel.fetch(down, target))


def _signed(site: ServedSite, blob: BlobId, direction: Direction, length: int) -> SignedTicket:
    return issue_ticket(
        SITE,
        blob,
        direction,
        length,
        clock=SystemClock(),
        entropy=SystemEntropy(),
        signer=site.site_signer,
    )


# --- small ---------------------------------------------------------------------------------------


def _stands(client: SiteClient, request: RequestId, errand: Errand) -> Standing:
    answer = client.ask(request, errand)
    if not isinstance(answer, Standing):
        raise TypeError("The site did not say where the attempt stands")
    return answer


def _ticket(client: SiteClient, request: RequestId, errand: Errand) -> SignedTicket:
    answer = client.ask(request, errand)
    if not isinstance(answer, Ticketed) or answer.ticket is None:
        raise TypeError("The site gave no ticket")
    return read_ticket(answer.ticket)


def _digest(data: bytes) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _quiet_seconds(call: Callable[[], object]) -> float:
    return _quietly(lambda: _seconds(call))


def _quietly(call: Callable[[], Found]) -> Found:
    """PySyft's own client prints."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return call()


if __name__ == "__main__":
    run("The site", measure, libraries=("syft", "torch", "opacus", "uvicorn"))
