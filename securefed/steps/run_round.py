"""One attempt at a round at a site: from a run that waits to files that may leave.

The run is given its round's files and asked to train; each step is charged before it is granted.
What it made is taken as from a stranger: the execution must be the approved one, an update must
have the approved size and finite values, metrics are read and written anew, and every other file is
left behind. An update is shortened to its bound, sealed where the study says so, and only then laid
where it can be fetched. Where a study sums what its sites measure, the noised tally is sealed with
it and leaves in no other way. The ledger's commit comes last: without it nothing is given out.
"""

import hashlib
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from securefed.aggregation.described import described
from securefed.aggregation.grid import Floats, Values
from securefed.aggregation.plain_update import VALUE_BYTES, read_values, shortened
from securefed.aggregation.tally_digits import tally_of
from securefed.aggregation.values import NO_TALLY, Draw
from securefed.domain import run_order as files
from securefed.domain.blob import BlobId
from securefed.domain.errand import Protection, Released
from securefed.domain.identifiers import Digest, Name, SiteId
from securefed.domain.ledger import Verify
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.round import RoundId
from securefed.domain.run_order import AboutUpdate, NoisyMetrics, RunOrder
from securefed.domain.talk import Begin, Finished
from securefed.domain.token import departures
from securefed.domain.update import Seal
from securefed.errors import TicketSpent, UpdateUnusable
from securefed.ports import BlobStore, Signer, Walled
from securefed.steps.admit_round import Admitted
from securefed.steps.attend_run import attend_round
from securefed.steps.keep_control import Controlled, controlled
from securefed.steps.keep_ledger import SiteLedger
from securefed.steps.meter_round import RoundMeter
from securefed.steps.seal_update import NewSealer, seal_update

# A crash charges at most so many steps that did not run.
_BLOCK = 10
_PIECE = 2**20
_MOST_ABOUT = 2**16
_MOST_METRICS = 2**18
_MOST_KEPT = 2**33

# What seals for a seal, with the public lattice key's bytes where the suite has one.
Sealers = Callable[[Seal, bytes | None], NewSealer]


@dataclass(frozen=True, kw_only=True)
class RoundTools:
    """What every attempt works with."""

    ledger: SiteLedger
    blobs: BlobStore
    signer: Signer
    verify: Verify
    sealers: Sealers
    draw: Draw


@dataclass(frozen=True, kw_only=True)
class Work:
    """One attempt's work. `folder` is empty and private; `kept` is what the study left here, and
    `control` the site's own control variate."""

    admitted: Admitted
    order: RunOrder
    folder: Path
    kept: Path
    control: Path
    on_step: Callable[[int], None]
    on_sealing: Callable[[], None]
    on_laying: Callable[[], None]


def run_round(run: Walled, work: Work, tools: RoundTools) -> tuple[Released, ...]:
    """Has the run do the round, and releases what may leave."""
    admitted = work.admitted
    control = _controlled(work, tools.blobs)
    order = _order(work, _given(run, work, tools.blobs, control))
    meter = RoundMeter(tools.ledger, admitted.token, _BLOCK)
    steps = admitted.token.execution.training.steps
    finished = attend_round(run, Begin(document=order.text()), meter, steps, work.on_step)
    if departures(admitted.token.execution, finished.executed):
        # Settling says which, and aborts the attempt.
        meter.settle(finished.executed, ())
    measured = _measured(run, work, finished)
    made = [_update(run, work, tools, measured, control), *_shown(work, measured)]
    work.on_laying()
    released = tuple(_laid(tools.blobs, admitted.id, name, path) for name, path in made)
    meter.settle(finished.executed, tuple(one.digest for one in released))
    _keep(run, work, finished)
    run.empty()
    return released


def _order(work: Work, given: tuple[Name, ...]) -> RunOrder:
    study, round_ = work.admitted.plan.request.study, work.admitted.id.round
    return replace(
        work.order,
        given=given,
        control=study.combining.control,
        rate_factor=study.combining.site_factor(round_, study.rounds),
    )


def _controlled(work: Work, blobs: BlobStore) -> Controlled | None:
    id, study = work.admitted.id, work.admitted.plan.request.study
    if not study.combining.control:
        return None
    brought, content = work.admitted.errand.control, b""
    if brought is not None:
        with blobs.open(BlobId(of=id, digest=brought.digest)) as file:
            content = file.read()
    return controlled(study, id.round, brought, content, work.control)


def _given(
    run: Walled, work: Work, blobs: BlobStore, control: Controlled | None
) -> tuple[Name, ...]:
    id, errand = work.admitted.id, work.admitted.errand
    given = []
    for name, digest in ((files.WEIGHTS, errand.weights), (files.OWN_CODE, errand.code)):
        if digest is not None:
            run.give(name, _copied(blobs, BlobId(of=id, digest=digest), work.folder / name))
            given.append(name)
    if work.kept.exists():
        run.give(files.KEPT, work.kept)
        given.append(files.KEPT)
    if control is not None and errand.control is not None:
        correction = work.folder / files.CORRECTION
        correction.write_bytes(control.correction.astype("<f4").tobytes())
        run.give(files.CORRECTION, correction)
        given.append(files.CORRECTION)
    return tuple(given)


def _copied(blobs: BlobStore, blob: BlobId, target: Path) -> Path:
    with blobs.open(blob) as source, target.open("xb") as copy:
        while piece := source.read(_PIECE):
            copy.write(piece)
    return target


def _update(
    run: Walled,
    work: Work,
    tools: RoundTools,
    measured: NoisyMetrics | None,
    control: Controlled | None,
) -> tuple[Name, Path]:
    study = work.admitted.plan.request.study
    path, about = work.folder / files.UPDATE, work.folder / files.ABOUT
    run.take(files.UPDATE, path, VALUE_BYTES * study.model.parameters)
    run.take(files.ABOUT, about, _MOST_ABOUT)
    layout = from_bytes(AboutUpdate, about.read_bytes()).layout
    values = read_values(path.read_bytes(), study.model.parameters)
    if control is not None:
        control.keep(values, work.folder)
    work.on_sealing()
    protection = work.admitted.errand.protection
    leaving = work.folder / "leaving"
    if protection is None:
        leaving.write_bytes(shortened(values, float(study.sealing.update_bound)))
    else:
        tally = _summed(work, measured)
        _written(leaving, _sealed(layout, values, tally, protection, work.admitted, tools))
    return files.UPDATE, leaving


def _sealed(
    layout: Digest,
    values: Values,
    tally: Floats,
    protection: Protection,
    admitted: Admitted,
    tools: RoundTools,
) -> Iterable[bytes]:
    lattice = None
    if protection.lattice is not None:
        with tools.blobs.open(BlobId(of=admitted.id, digest=protection.lattice)) as file:
            lattice = file.read()
    site: SiteId = admitted.plan.site
    return seal_update(
        described(layout, values),
        values,
        protection.announced,
        protection.proof,
        site=site,
        signer=tools.signer,
        verify=tools.verify,
        new_sealer=tools.sealers(protection.announced.seal, lattice),
        draw=tools.draw,
        tally=tally,
    )


def _measured(run: Walled, work: Work, finished: Finished) -> NoisyMetrics | None:
    if finished.executed.metrics is None:
        return None
    path = work.folder / files.METRICS
    run.take(files.METRICS, path, _MOST_METRICS)
    return from_bytes(NoisyMetrics, path.read_bytes())


def _summed(work: Work, measured: NoisyMetrics | None) -> Floats:
    """The tally that is sealed: of the approved length, or empty where none is summed."""
    wanted = work.admitted.plan.request.study.sealing.tally
    if not wanted:
        return NO_TALLY
    found = () if measured is None else measured.tally
    if len(found) != wanted:
        raise UpdateUnusable(f"A tally of {wanted} numbers was expected, not of {len(found)}")
    return tally_of(found)


def _shown(work: Work, measured: NoisyMetrics | None) -> list[tuple[Name, Path]]:
    """What the site measured, for a study that shows it by itself."""
    if measured is None or work.admitted.plan.request.study.sealing.tally:
        return []
    leaving = work.folder / "metrics-leaving"
    leaving.write_bytes(to_bytes(measured))
    return [(files.METRICS, leaving)]


def _laid(blobs: BlobStore, id: RoundId, name: Name, path: Path) -> Released:
    """The file as a blob of the attempt."""
    with path.open("rb") as file:
        digest = Digest("sha256:" + hashlib.file_digest(file, "sha256").hexdigest())
        length = file.tell()
        file.seek(0)
        try:
            with closing(blobs.writer(BlobId(of=id, digest=digest), length)) as writer:
                while piece := file.read(_PIECE):
                    writer.write(piece)
                writer.finish()
        except TicketSpent:
            pass  # the same bytes lie there already
    return Released(file=name, digest=digest, length=length)


def _keep(run: Walled, work: Work, finished: Finished) -> None:
    if files.KEPT in finished.files:
        made = work.folder / "kept-made"
        run.take(files.KEPT, made, _MOST_KEPT)
        made.replace(work.kept)


def _written(path: Path, parts: Iterable[bytes]) -> None:
    with path.open("xb") as file:
        for part in parts:
            file.write(part)
