"""The coordinator's visit to one site in one round: bring files, have it train, wait, fetch.

Whatever was asked before is asked again in the same words, so a coordinator that starts over trains
nothing twice. An attempt that failed at the site is followed by the next one, while the approval
has spare ones. A site that can't be reached is asked again until the patience ends; it is named by
whoever called, never waited for without end.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from securefed.domain.errand import (
    Answer,
    Answers,
    Attempt,
    Cancel,
    Control,
    Declined,
    Deliver,
    Fetch,
    One,
    OneAnswer,
    Phase,
    Protection,
    Released,
    Report,
    Several,
    Standing,
    Ticketed,
    Train,
    error_of,
)
from securefed.domain.identifiers import Digest, Name, RequestId, SiteId
from securefed.domain.run_order import METRICS, UPDATE
from securefed.errors import (
    BlobUnreachable,
    ErrandGarbled,
    NotFound,
    SiteFailed,
    SiteUnreachable,
)
from securefed.ports import RemoteSite

# A site answers earlier when the attempt is over; meanwhile a call costs it more than a step may.
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1, 3
_FILES = (UPDATE, METRICS)
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

    site: SiteId
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


@dataclass(frozen=True, kw_only=True)
class Reached:
    """Where an attempt stands, and tickets for those of its files that came with the answer."""

    standing: Standing
    tickets: Mapping[Name, str]

    @property
    def attempt(self) -> Attempt:
        """Which one."""
        return Attempt(round=self.standing.id.round, attempt=self.standing.id.attempt)


def visit_site(remote: RemoteSite, visit: Visit, patience: Patience) -> Reached:
    """The attempt that is done, with tickets for its files; SiteFailed where no attempt is left."""
    way, last = _Way(remote, visit, patience), None
    for of in _attempts(visit):
        reached = _begun(way, of)
        waited = _FIRST_WAIT_S
        while not reached.standing.phase.over:
            patience.on_standing(reached.standing)
            patience.wait(0)
            waited = min(waited + 1, _LONGEST_WAIT_S)
            reached = _read(way, way.ask(*_looks(of, waited)))
        patience.on_standing(reached.standing)
        if reached.standing.phase is Phase.DONE:
            return reached
        last = reached.standing
    cause = "it has no attempt left" if last is None else f"its last attempt ended: {last.cause}"
    raise SiteFailed(f"The site did not finish round {visit.round}; {cause}")


def fetch_file(
    remote: RemoteSite,
    visit: Visit,
    reached: Reached,
    file: Released,
    target: Path,
    patience: Patience,
) -> None:
    """Fetches a released file; its digest is checked as it comes."""
    way, ticket = _Way(remote, visit, patience), reached.tickets.get(file.file)
    if ticket is None:
        (answer,) = way.ask(Fetch(of=reached.attempt, file=file.file))
        ticket = _ticket(answer)
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


@dataclass(frozen=True)
class _Way:
    """The way to a site, in a visit."""

    remote: RemoteSite
    visit: Visit
    patience: Patience

    def ask(self, *errands: One) -> tuple[OneAnswer, ...]:
        """What a site answers in one call, declined errands among it."""
        found: list[Answer] = []
        several = Several(errands=errands)
        _insisting(
            lambda: found.append(self.remote.ask(self.visit.request, several)), self.patience
        )
        (answer,) = found
        if not isinstance(answer, Answers) or len(answer.answers) != len(errands):
            raise ErrandGarbled("The site did not answer each errand", where=self.visit.site)
        return answer.answers

    def expected(self, answer: OneAnswer) -> OneAnswer:
        """The answer, or the error that it declines with."""
        if isinstance(answer, Declined):
            raise error_of(answer, self.visit.site)
        return answer


def _begun(way: _Way, of: Attempt) -> Reached:
    """The attempt as it was left, or begun. One call asks for both, and brings what is missing."""
    parcels = way.visit.parcels
    brings = (Deliver(of=of, blob=one.digest, length=one.length) for one in parcels)
    began, sent = way.patience.monotonic(), 0
    looks = _looks(of, 0)
    answers = way.ask(*looks, *brings)
    known, delivers = answers[0], answers[len(looks) :]
    if not (isinstance(known, Declined) and known.code == NotFound.code):
        return _read(way, answers[: len(looks)])
    for parcel, answer in zip(parcels, delivers, strict=True):
        ticket = _ticket(way.expected(answer))
        if ticket is not None:
            _send(way, ticket, parcel.path)
            sent += parcel.length
    way.patience.on_sent(began, sent)
    begun, *looked = way.ask(way.visit.train(of), *_looks(of, _FIRST_WAIT_S))
    way.expected(begun)
    return _read(way, looked)


def _looks(of: Attempt, wait_s: int) -> tuple[One, ...]:
    """Where does the attempt stand, and a ticket for each file that it has released by then."""
    return (Report(of=of, wait_s=wait_s), *(Fetch(of=of, file=one) for one in _FILES))


def _read(way: _Way, looked: Sequence[OneAnswer]) -> Reached:
    """What the answers to `_looks` say."""
    known, *tickets = looked
    standing = way.expected(known)
    if not isinstance(standing, Standing):
        raise ErrandGarbled("The site did not say where the attempt stands", where=way.visit.site)
    found = {
        file: str(one.ticket)
        for file, one in zip(_FILES, tickets, strict=True)
        if isinstance(one, Ticketed) and one.ticket is not None
    }
    return Reached(standing=standing, tickets=found)


def _send(way: _Way, ticket: str, path: Path) -> None:
    _insisting(lambda: way.remote.send(ticket, path), way.patience)


def _ticket(answer: OneAnswer) -> str | None:
    if not isinstance(answer, Ticketed):
        raise ErrandGarbled("The site did not answer with a ticket")
    return answer.ticket


def _insisting(act: Callable[[], None], patience: Patience) -> None:
    while True:
        try:
            return act()
        except (SiteUnreachable, BlobUnreachable):
            patience.wait(_AGAIN_S)
