"""Every port in memory: for tests and dry runs.

Promises the behaviour that the contract tests ask of the real adapters: the ledger refuses what
does not extend its head, and a signature counts only for its key and bytes. Promises neither
durability nor secrecy: tokens are predictable, and `MemoryKeys` verifies by remembering what it
signed. The twin of `DataMeter` is in `data_files`, which does the same reading.

    keys = MemoryKeys()
    dana = keys.signer("dana")
    keys.verify(dana.key, b"text", dana.sign(b"text"))    # True
"""

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice

from securefed.domain.identifiers import Digest, Line, PublicKey, Signature, Version
from securefed.domain.ledger import EMPTY, Head, StoredEntry, extended
from securefed.domain.numbers import count, not_negative, probability
from securefed.domain.plan import ReviewPlan
from securefed.domain.privacy import (
    Adjacency,
    DpSgd,
    GaussianRelease,
    Mechanism,
    PrivacyLoss,
)
from securefed.domain.renyi import best_delta, best_epsilon, total_at
from securefed.domain.site import Machine, Sandbox
from securefed.domain.witnessing import KeyedNote
from securefed.errors import LedgerBroken

_RENYI = "securefed RDP at integer orders"


class MemoryClock:
    """A clock that stands still; set `time` to move it."""

    def __init__(self, time: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.time = time

    def now(self) -> datetime:
        """The moment that was set last, as a real clock would say it."""
        return self.time.astimezone(UTC).replace(microsecond=0)


class MemoryEntropy:
    """Tokens that differ from each other and are the same in every run. Never for real use."""

    def __init__(self) -> None:
        self._issued = 0

    def token(self) -> bytes:
        """The digest of a counter."""
        self._issued += 1
        return hashlib.sha256(f"memory token {self._issued}".encode("ascii")).digest()


class MemoryKeys:
    """A keyring that hands out signers and remembers what they signed."""

    def __init__(self) -> None:
        self._signed: set[tuple[PublicKey, bytes, Signature]] = set()

    def signer(self, name: str) -> "MemorySigner":
        """The key of this name, the same one each time."""
        secret = hashlib.sha256(f"memory key {name}".encode()).digest()
        return MemorySigner(secret, self._signed)

    def verify(self, key: PublicKey, data: bytes, signature: Signature) -> bool:
        """Whether a signer of this keyring made the signature, with this key, over these bytes."""
        return (key, data, signature) in self._signed

    def first_bad(self, key: PublicKey, entries: Sequence[StoredEntry]) -> int | None:
        """The index of the first entry that a signer of this keyring did not sign with this key."""
        good = (self.verify(key, one.signed, one.signature) for one in entries)
        return next((index for index, one in enumerate(good) if not one), None)


class MemorySigner:
    """A key of a `MemoryKeys`."""

    def __init__(self, secret: bytes, signed: set[tuple[PublicKey, bytes, Signature]]) -> None:
        self._secret = secret
        self._signed = signed
        self._key = PublicKey("ed25519:" + hashlib.sha256(secret).hexdigest())

    @property
    def key(self) -> PublicKey:
        """What stands for the public half."""
        return self._key

    def sign(self, data: bytes) -> Signature:
        """A digest of the secret and the bytes, which the keyring remembers."""
        signature = Signature(hashlib.sha512(self._secret + data).hexdigest())
        self._signed.add((self._key, data, signature))
        return signature


class MemoryLedger:
    """A ledger in a list."""

    def __init__(self) -> None:
        self._entries: list[StoredEntry] = []
        self._lock = threading.Lock()
        self._owner: int | None = None

    def head(self) -> Head:
        """The head after the last finished transaction."""
        return _head_of(self._entries)

    def entries(self, start: int = 0) -> Iterator[StoredEntry]:
        """The entries of finished transactions, as they are at the call."""
        return islice(iter(tuple(self._entries)), count("start", start, least=0), None)

    @contextmanager
    def exclusive(self) -> Iterator["MemoryWriter"]:
        """A transaction on a copy, which replaces the list when the block ends without error."""
        if self._owner == threading.get_ident():
            raise RuntimeError("This thread is in a transaction of this ledger already")
        with self._lock:
            self._owner = threading.get_ident()
            writer = MemoryWriter(list(self._entries))
            try:
                yield writer
                self._entries = writer.finish()
            finally:
                writer.finish()
                self._owner = None


class MemoryWriter:
    """A `MemoryLedger` inside a transaction."""

    def __init__(self, entries: list[StoredEntry]) -> None:
        self._entries = entries
        self._open = True

    def head(self) -> Head:
        """The head, with what this transaction added."""
        return _head_of(self._usable())

    def entries(self, start: int = 0) -> Iterator[StoredEntry]:
        """The entries, with what this transaction added."""
        return islice(iter(tuple(self._usable())), count("start", start, least=0), None)

    def append(self, entry: StoredEntry, index: int, previous: Digest) -> Head:
        """Adds an entry that extends the head."""
        head = self.head()
        if (index, previous) != (head.size, head.hash):
            raise LedgerBroken("The entry does not extend the head", where=f"entry {index}")
        self._entries.append(entry)
        return extended(head, entry)

    def finish(self) -> list[StoredEntry]:
        """Ends the writer's use and returns its entries."""
        self._open = False
        return self._entries

    def _usable(self) -> list[StoredEntry]:
        if not self._open:
            raise RuntimeError("The ledger's transaction has ended")
        return self._entries


class MemoryAccountant:
    """An accountant from the core's own arithmetic: the best integer Rényi order, no library."""

    def loss(self, mechanisms: tuple[Mechanism, ...], delta: Decimal) -> PrivacyLoss:
        """The loss at δ; the figure and its upper bound are the same."""
        epsilon = best_epsilon(mechanisms, probability("delta", delta))
        return PrivacyLoss(
            epsilon=epsilon,
            upper_bound=epsilon,
            replace_one=best_epsilon(mechanisms, delta, Adjacency.REPLACE_ONE),
            delta=delta,
            adjacency=Adjacency.ADD_REMOVE,
            accountant=Line(_RENYI),
        )

    def profile(
        self, mechanisms: tuple[Mechanism, ...], epsilons: tuple[Decimal, ...]
    ) -> tuple[Decimal, ...]:
        """The δ at each ε."""
        return tuple(best_delta(mechanisms, not_negative("epsilon", one)) for one in epsilons)

    def divergence(self, mechanisms: tuple[Mechanism, ...], order: int) -> Decimal:
        """The core's own sum."""
        return total_at(mechanisms, count("order", order, least=2))


class MemorySecondAccountant:
    """The same arithmetic in the place of a second library: a twin for tests, not a second opinion.

    Like the library it only knows Gaussian noise."""

    name = _RENYI

    def epsilon(self, mechanisms: tuple[Mechanism, ...], delta: Decimal) -> Decimal | None:
        """ε at δ, or None where a mechanism is not Gaussian."""
        epsilon = best_epsilon(mechanisms, probability("delta", delta))
        known = all(isinstance(one, DpSgd | GaussianRelease) for one in mechanisms)
        return epsilon if known and epsilon.is_finite() else None


class MemoryMachine:
    """A machine as described; set an attribute to let it change."""

    def __init__(self) -> None:
        self.package = Version("0.1.0")
        self.package_digest = Digest("sha256:" + "1" * 64)
        self.libraries_digest = Digest("sha256:" + "2" * 64)
        self.interpreter = Version("3.11.0")
        self.sandbox = Sandbox.PROCESS

    def machine(self) -> Machine:
        """The description as it is now."""
        return Machine(
            package=self.package,
            package_digest=self.package_digest,
            libraries_digest=self.libraries_digest,
            interpreter=self.interpreter,
            sandbox=self.sandbox,
        )


class MemorySeen:
    """What a party saw of other ledgers, by key."""

    def __init__(self) -> None:
        self.notes: dict[PublicKey, KeyedNote] = {}

    def seen(self) -> Mapping[PublicKey, KeyedNote]:
        """The newest of each."""
        return self.notes

    def keep(self, note: KeyedNote) -> None:
        """Replaces what was kept of one key."""
        self.notes[note.key] = note


class MemoryShelf:
    """Plans in a dictionary."""

    def __init__(self) -> None:
        self._plans: dict[Digest, ReviewPlan] = {}

    def keep(self, plan: ReviewPlan) -> None:
        """Keeps a plan under its digest."""
        self._plans[plan.digest] = plan

    def find(self, digest: Digest) -> ReviewPlan | None:
        """The plan that was kept under this digest."""
        return self._plans.get(digest)


def _head_of(entries: list[StoredEntry]) -> Head:
    if not entries:
        return EMPTY
    return Head(size=len(entries), hash=entries[-1].hash)
