"""The coordinator's visit to one site in one round: bring files, have it train, wait, fetch.

Whatever was asked before is asked again in the same words, so a coordinator that starts over trains
nothing twice. An attempt that failed at the site is followed by the next one, while the approval
has spare ones. A site that can't be reached is asked again until the patience ends; it is named by
whoever called, never waited for without end.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from securefed.domain.errand import (
    Answer,
    Attempt,
    Cancel,
    Control,
    Deliver,
    Errand,
    Fetch,
    Phase,
    Protection,
    Released,
    Report,
    Standing,
    Ticketed,
    Train,
)
from securefed.domain.identifiers import Digest, RequestId
from securefed.errors import (
    BlobUnreachable,
    ErrandGarbled,
    NotFound,
    SiteFailed,
    SiteUnreachable,
)
from securefed.ports import RemoteSite

# A site answers earlier when the attempt is over.
_WAIT_S = 1
_AGAIN_S = 1.0
_PIECE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A file that a site needs for a round."""

    digest: Digest
    length: int
    path: Path


@dataclass(frozen=True, kw_only=True)
class ControlParcel:
    """A study's control variate as a file, and the last round that moved it."""

    parcel: Parcel
    round: int


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What a site is asked to do in a round."""

    request: RequestId
    round: int
    attempts: int
    weights: Parcel | None
    code: Parcel | None
    lattice: Parcel | None
    protection: Protection | None
    control: ControlParcel | None = None

    @property
    def parcels(self) -> tuple[Parcel, ...]:
        """What is brought."""
        control = None if self.control is None else self.control.parcel
        every = (self.weights, control, self.code, self.lattice)
        return tuple(one for one in every if one is not None)

    def train(self, of: Attempt) -> Train:
        """The errand."""
        return Train(
            of=of,
            weights=None if self.weights is None else self.weights.digest,
            code=None if self.code is None else self.code.digest,
            protection=self.protection,
            control=None
            if self.control is None
            else Control(digest=self.control.parcel.digest, round=self.control.round),
        )


@dataclass(frozen=True, kw_only=True)
class Patience:
    """`wait` sleeps for at most so many seconds, and raises once there is no more time or wish.
    `on_sent` is told since when files were brought, and their bytes."""

    wait: Callable[[float], None]
    on_standing: Callable[[Standing], None]
    monotonic: Callable[[], float]
    on_sent: Callable[[float, int], None]


def visit_site(remote: RemoteSite, visit: Visit, patience: Patience) -> Standing:
    """The standing of the attempt that is done; SiteFailed where no attempt is left."""
    last = None
    for of in _attempts(visit):
        standing = _known(remote, visit, of, patience)
        if standing is None:
            _bring(remote, visit, of, patience)
            standing = _standing(remote, visit, visit.train(of), patience)
        while not standing.phase.over:
            patience.on_standing(standing)
            patience.wait(0)
            standing = _standing(remote, visit, Report(of=of, wait_s=_WAIT_S), patience)
        patience.on_standing(standing)
        if standing.phase is Phase.DONE:
            return standing
        last = standing
    cause = "it has no attempt left" if last is None else f"its last attempt ended: {last.cause}"
    raise SiteFailed(f"The site did not finish round {visit.round}; {cause}")


def fetch_file(
    remote: RemoteSite,
    visit: Visit,
    standing: Standing,
    file: Released,
    target: Path,
    patience: Patience,
) -> None:
    """Fetches a released file; its digest is checked as it comes."""
    of = Attempt(round=standing.id.round, attempt=standing.id.attempt)
    ticket = _ticket(_asked(remote, visit, Fetch(of=of, file=file.file), patience))
    if ticket is None:
        raise ErrandGarbled("The site gave no ticket for a file that it released")
    _insisting(lambda: remote.fetch(ticket, target), patience)


def file_parts(path: Path) -> Iterator[bytes]:
    """A fetched file in pieces."""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def cancel_attempts(remote: RemoteSite, request: RequestId, number: int, attempts: int) -> bool:
    """Ends the attempt at a round that is under way, so that a site does not go on in vain; says
    whether there was one."""
    for attempt in range(1, attempts + 1):
        try:
            answer = remote.ask(request, Cancel(of=Attempt(round=number, attempt=attempt)))
        except NotFound:
            return False
        if isinstance(answer, Standing) and answer.phase is not Phase.FAILED:
            return answer.phase is not Phase.DONE
    return False


def _attempts(visit: Visit) -> Iterator[Attempt]:
    return (Attempt(round=visit.round, attempt=one + 1) for one in range(visit.attempts))


def _known(remote: RemoteSite, visit: Visit, of: Attempt, patience: Patience) -> Standing | None:
    try:
        return _standing(remote, visit, Report(of=of), patience)
    except NotFound:
        return None


def _bring(remote: RemoteSite, visit: Visit, of: Attempt, patience: Patience) -> None:
    began, sent = patience.monotonic(), 0
    for parcel in visit.parcels:
        errand = Deliver(of=of, blob=parcel.digest, length=parcel.length)
        ticket = _ticket(_asked(remote, visit, errand, patience))
        if ticket is not None:
            _send(remote, ticket, parcel.path, patience)
            sent += parcel.length
    patience.on_sent(began, sent)


def _send(remote: RemoteSite, ticket: str, path: Path, patience: Patience) -> None:
    _insisting(lambda: remote.send(ticket, path), patience)


def _standing(remote: RemoteSite, visit: Visit, errand: Errand, patience: Patience) -> Standing:
    answer = _asked(remote, visit, errand, patience)
    if not isinstance(answer, Standing):
        raise ErrandGarbled("The site did not say where the attempt stands")
    return answer


def _ticket(answer: Answer) -> str | None:
    if not isinstance(answer, Ticketed):
        raise ErrandGarbled("The site did not answer with a ticket")
    return answer.ticket


def _asked(remote: RemoteSite, visit: Visit, errand: Errand, patience: Patience) -> Answer:
    found: list[Answer] = []
    _insisting(lambda: found.append(remote.ask(visit.request, errand)), patience)
    return found[0]


def _insisting(act: Callable[[], None], patience: Patience) -> None:
    while True:
        try:
            return act()
        except (SiteUnreachable, BlobUnreachable):
            patience.wait(_AGAIN_S)
