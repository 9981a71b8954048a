"""What the core needs from the world, as Protocols.

An adapter translates one library or one part of the machine into one of these, and its failures
into `securefed.errors`. Each port has an in-memory twin in `adapters/memory.py`, and both stand the
same contract tests. Nothing here knows which library lies behind.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from securefed.domain.blob import BlobId, Held
from securefed.domain.errand import Answer, Errand
from securefed.domain.identifiers import Digest, Name, PublicKey, RequestId, Signature
from securefed.domain.ledger import Head, StoredEntry
from securefed.domain.plan import ReviewPlan
from securefed.domain.privacy import Mechanism, PrivacyLoss, PrivacyUnit
from securefed.domain.request import RequestState, SignedRequest
from securefed.domain.round import RoundId
from securefed.domain.site import Column, DataCard, Machine, Measured
from securefed.domain.talk import FromRun, ToRun
from securefed.domain.walls import Enclosure, Ending

T = TypeVar("T")
R = TypeVar("R")


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """The moment in UTC, to the second."""
        ...


class Entropy(Protocol):
    """Secure randomness."""

    def token(self) -> bytes:
        """Thirty-two bytes that nobody can guess."""
        ...


class Signer(Protocol):
    """One private key, in use. It signs and never shows itself."""

    @property
    def key(self) -> PublicKey:
        """The public half."""
        ...

    def sign(self, data: bytes) -> Signature:
        """A signature over exactly these bytes."""
        ...


class SignatureChecker(Protocol):
    """Checks many signatures of one key; which is what takes the time in a long ledger."""

    def first_bad(self, key: PublicKey, entries: Sequence[StoredEntry]) -> int | None:
        """The index of the first entry that the key did not sign; None where it signed all."""
        ...


class LedgerWriter(Protocol):
    """A ledger inside an exclusive transaction: nobody else writes until it ends."""

    def head(self) -> Head:
        """The head as this transaction sees it."""
        ...

    def entries(self, start: int = 0) -> Iterator[StoredEntry]:
        """The entries from an index on."""
        ...

    def append(self, entry: StoredEntry, index: int, previous: Digest) -> Head:
        """Adds an entry; refuses one that does not extend the head."""
        ...


class LedgerStore(Protocol):
    """Where a ledger's entries lie: append-only, durable once a transaction ends without error."""

    def head(self) -> Head:
        """The head as it is now."""
        ...

    def entries(self, start: int = 0) -> Iterator[StoredEntry]:
        """The entries from an index on."""
        ...

    def exclusive(self) -> AbstractContextManager[LedgerWriter]:
        """A transaction. Leaving it normally makes all its entries durable; an exception, none."""
        ...


class Accountant(Protocol):
    """Turns mechanisms into (ε, δ). A mechanism that it does not know costs infinitely much."""

    def loss(self, mechanisms: tuple[Mechanism, ...], delta: Decimal) -> PrivacyLoss:
        """What all mechanisms together cost at δ, under add/remove and under replacing one unit."""
        ...

    def profile(
        self, mechanisms: tuple[Mechanism, ...], epsilons: tuple[Decimal, ...]
    ) -> tuple[Decimal, ...]:
        """The δ at each ε, under add/remove of one unit; 1 where a mechanism is unknown."""
        ...

    def divergence(self, mechanisms: tuple[Mechanism, ...], order: int) -> Decimal:
        """The Rényi divergence at an order: what admission counts, computed a second time."""
        ...


class SecondAccountant(Protocol):
    """Another library's ε for the same work, to hold against the first. It admits nothing."""

    @property
    def name(self) -> str:
        """The library, its version and its method."""
        ...

    def epsilon(self, mechanisms: tuple[Mechanism, ...], delta: Decimal) -> Decimal | None:
        """The upper bound on ε at δ under add/remove; None where it has no rule or no figure."""
        ...


class MachineProbe(Protocol):
    """What would run a request here."""

    def machine(self) -> Machine:
        """Our code, the libraries under it, the interpreter and the sandbox, as they are now."""
        ...


class DataMeter(Protocol):
    """Reads data files in order to measure them, and for nothing else."""

    def measure(self, path: Path, columns: tuple[Column, ...], unit: PrivacyUnit) -> Measured:
        """A file's records, units and digest; refuses one that is not what its card says."""
        ...

    def check_named(
        self, path: Path, columns: tuple[Column, ...], unit: PrivacyUnit, folders: tuple[Path, ...]
    ) -> None:
        """Reads every file that an index names; refuses one that is not in one of the folders, or
        not the file that was indexed."""
        ...


class DataWatch(Protocol):
    """Knows at every round whether a data file is still the one on its card."""

    def expect(self, card: DataCard, path: Path) -> None:
        """Raises DataDrifted where the file is another one, DataUnreadable where there is none."""
        ...


class PlanShelf(Protocol):
    """The plans that were shown to people, so that a stale approval can say what has changed."""

    def keep(self, plan: ReviewPlan) -> None:
        """Keeps a plan under its digest."""
        ...

    def find(self, digest: Digest) -> ReviewPlan | None:
        """The plan with this digest, if it was ever shown here."""
        ...


class RoundFiles(Protocol):
    """The coordinator's files of one round. Each is whole or not there, whenever a process dies.

    One process at a time has them. Names are lower-case letters, digits, dashes and dots."""

    def names(self) -> list[str]:
        """The files that are there, sorted."""
        ...

    def put(self, name: str, parts: Iterable[bytes]) -> None:
        """Writes a file, durably; it replaces another one only once it is whole."""
        ...

    def move(self, name: str, to: str) -> None:
        """Gives a file another name, durably, in one step; replaces what had that name."""
        ...

    def remove(self, name: str) -> None:
        """Removes a file, if it is there."""
        ...

    def opener(self, name: str) -> Callable[[], BinaryIO]:
        """What opens a file to be read; the workers of this machine can take it along."""
        ...


class Workers(Protocol):
    """Processes of this machine, for work in pieces that know nothing of each other."""

    def each(
        self, task: Callable[[T], R], items: Sequence[T]
    ) -> Generator[tuple[T, R], None, None]:
        """Each item with what the task makes of it, in any order; what it raises comes through.

        Once the iterator has ended or is closed, no process of it is left."""
        ...


class SecretFinder(Protocol):
    """Looks for private keys in this process."""

    def found(self) -> tuple[str, ...]:
        """The kinds of private keys that are in memory, never the keys."""
        ...


class Walled(Protocol):
    """One run inside its walls. It is watched until it ends; whoever starts it must `stop` it."""

    def say(self, message: ToRun) -> None:
        """Sends a message. `Begin` starts a round's clock."""
        ...

    def hear(self) -> FromRun:
        """The run's next message; ends the run where it is none, comes late, or never comes."""
        ...

    def give(self, name: Name, source: Path) -> None:
        """Copies a file into the folder that the run reads its round's files from."""
        ...

    def take(self, name: Name, target: Path, most: int) -> Digest:
        """Copies a file that the run made to a new file, and digests the copy."""
        ...

    def empty(self) -> None:
        """Removes all files that were given or made, so that the next round finds none."""
        ...

    def stop(self, ending: Ending = Ending.STOPPED) -> Ending:
        """Kills all that is left of the run and removes its scratch folder.

        Any thread may call it, any number of times. It returns how the run ended first."""
        ...


class Walls(Protocol):
    """Puts walls around runs."""

    def start(self, enclosure: Enclosure) -> Walled:
        """Starts a run inside these very walls, or refuses."""
        ...


class BlobWriter(Protocol):
    """The one place where bytes of a blob come in. Nobody else writes the same until it closes."""

    @property
    def held(self) -> int:
        """How many bytes are there; the next one to be written follows them."""
        ...

    def write(self, data: bytes) -> None:
        """Adds bytes; refuses more than were announced."""
        ...

    def finish(self) -> None:
        """Makes the blob whole, durable and visible; throws it away if its digest differs."""
        ...

    def close(self) -> None:
        """Ends the writing, whatever happened; what came so far stays for the next writer."""
        ...


class BlobStore(Protocol):
    """Where a site keeps large files, each under one attempt at a round and its SHA-256."""

    def held(self, blob: BlobId) -> Held:
        """How much is there."""
        ...

    def writer(self, blob: BlobId, length: int) -> BlobWriter:
        """Goes on with a blob that has this many bytes in all, if the quota has room for it."""
        ...

    def open(self, blob: BlobId) -> BinaryIO:
        """A whole blob, for reading."""
        ...

    def spend(self, of: RoundId, nonce: Digest) -> None:
        """Notes that a ticket was used to its end."""
        ...

    def spent(self, of: RoundId, nonce: Digest) -> bool:
        """Whether that was noted."""
        ...

    def clear(self, in_use: Callable[[RoundId], bool]) -> int:
        """Removes what belongs to attempts that are no longer in use; says how many bytes."""
        ...


class RemoteSite(Protocol):
    """A site as a data scientist or the coordinator calls it. Any thread may."""

    def submit(self, signed: SignedRequest) -> None:
        """Files a request; the same one again changes nothing."""
        ...

    def state(self, request: RequestId) -> RequestState:
        """Whether a request waits, may run, or is closed, as far as callers are told."""
        ...

    def ask(self, request: RequestId, errand: Errand) -> Answer:
        """What an approved request's function answers; raises the error that it declined with."""
        ...

    def send(self, ticket: str, source: Path) -> None:
        """Brings a file through the blob channel."""
        ...

    def fetch(self, ticket: str, target: Path) -> None:
        """Fetches a file through the blob channel; it has its name once its digest is right."""
        ...
