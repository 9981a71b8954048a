"""A site's ledger in use: follow what is stored, check an event against it, and add one entry.

Reading, checking and writing happen in one exclusive transaction, so two processes never build on
the same head. The register is kept between calls and follows the store by what was added since. It
is thrown away whenever a write did not succeed, because only the store says what is true; the
newest head is remembered all the same, so a store that once went back is refused until it is whole
again. A checkpoint that the site keeps works in the same way from the start: a ledger that does not
contain it is refused, whatever is asked. Threads share one object: each call has it to itself, and
`held` is for reading the register over more than one line.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import RLock
from typing import TypeAlias

from securefed.domain.canonical import prefixed
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.event import Event, LedgerEntry
from securefed.domain.identifiers import SiteId
from securefed.domain.ledger import EMPTY, ENTRY_KIND, Head, StoredEntry, Verify
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.register import Register
from securefed.domain.replay import FirstBad, apply, audit, replay
from securefed.errors import CheckpointInvalid, ClockBehind, LedgerBroken, LedgerRolledBack
from securefed.ports import Clock, LedgerStore, LedgerWriter, Signer

_PATIENCE = timedelta(minutes=5)
# What is to be written, seen from the state and the time; nothing if it is written already.
Find: TypeAlias = Callable[[Register, datetime], Event | None]


class SiteLedger:
    """The one way into a site's ledger."""

    def __init__(
        self,
        site: SiteId,
        store: LedgerStore,
        signer: Signer,
        verify: Verify,
        clock: Clock,
        kept: Checkpoint | None = None,
    ) -> None:
        self.site = site
        self._store = store
        self._signer = signer
        self._verify = verify
        self._clock = clock
        self._register: Register | None = None
        self._using = RLock()
        self._seen = EMPTY if kept is None else self._own(kept).head
        self.kept = kept

    @contextmanager
    def held(self) -> Iterator[Register]:
        """The site's state, which no other thread moves on while the block runs."""
        with self._using:
            yield self.register()

    def register(self) -> Register:
        """The site's state as the store has it now. Do not change it."""
        with self._using:
            return self._follow(self._store)

    def now(self) -> datetime:
        """The time by which the ledger goes: never before its last entry."""
        with self.held() as register:
            return _moment(self._clock, register)

    def record(self, event: Event) -> LedgerEntry:
        """Adds an event if it fits what is stored at that moment; else raises and adds nothing."""
        [entry] = self.record_found(lambda _register, _now: event)
        return entry

    def record_found(self, find: Find) -> tuple[LedgerEntry, ...]:
        """Adds the event that `find` names for what is stored at that moment, if it names one.

        For what another process may have written since anybody looked."""
        with self._using:
            with self._store.exclusive() as writer:
                register = self._follow(writer)
                now = _moment(self._clock, register)
                event = find(register, now)
                if event is None:
                    return ()
                stored = self._sealed(register, now, event)
                head = register.head
                entry = apply(register, stored)
                self._register = None
                writer.append(stored, head.size, head.hash)
            self._register, self._seen = register, register.head
            return (entry,)

    def checkpoint(self) -> Checkpoint:
        """The head, signed by the site."""
        checkpoint = Checkpoint(site=self.site, head=self.register().head)
        return checkpoint.by_site(self._signer.key, self._signer.sign(checkpoint.signed))

    def history(self, last: int) -> list[LedgerEntry]:
        """The newest entries, oldest first."""
        start = max(0, self.register().head.size - last)
        return [from_bytes(LedgerEntry, stored.data) for stored in self._store.entries(start)]

    def stored(self) -> Iterator[StoredEntry]:
        """Every entry as it lies in the store, none of it checked here."""
        return self._store.entries()

    def audited(self, first_bad: FirstBad) -> tuple[Register, Counter[str]]:
        """The state, replayed from the first entry with every signature checked; entries by kind.

        `first_bad` is the checking of many signatures at once."""
        with self._using:
            self._check_seen(self._store)
            self._register = None
            register = Register(self._verify)
            kinds = audit(register, self._store.entries(), first_bad)
            return self._adopted(register), kinds

    def check_contains(self, checkpoint: Checkpoint) -> None:
        """Refuses a ledger that was shortened or rewritten since the checkpoint was signed."""
        head = self._own(checkpoint).head
        self.register()
        if not _holds(self._store, head):
            raise LedgerRolledBack(
                f"The ledger does not contain its own checkpoint of {head.size} entries"
            )

    def _follow(self, reader: LedgerStore | LedgerWriter) -> Register:
        self._check_seen(reader)
        register = self._register or Register(self._verify)
        self._register = None
        replay(register, reader.entries(register.head.size))
        return self._adopted(register)

    def _own(self, checkpoint: Checkpoint) -> Checkpoint:
        mine = checkpoint.site == self.site
        if not mine or not checkpoint.vouched_by_site(self._signer.key, self._verify):
            raise CheckpointInvalid(f"The checkpoint is not signed by {self.site}")
        return checkpoint

    def _check_seen(self, reader: LedgerStore | LedgerWriter) -> None:
        if not _holds(reader, self._seen):
            raise LedgerRolledBack(
                f"The ledger had {self._seen.size} entries; "
                f"now it has {reader.head().size}, or others"
            )

    def _adopted(self, register: Register) -> Register:
        founded = register.founded
        if founded and (founded.site, founded.key) != (self.site, self._signer.key):
            raise LedgerBroken(f"The ledger is that of {founded.site}, or of another key")
        self._register, self._seen = register, register.head
        return register

    def _sealed(self, register: Register, now: datetime, event: Event) -> StoredEntry:
        entry = LedgerEntry(
            format_version=1,
            site=self.site,
            index=register.head.size,
            previous=register.head.hash,
            at=now,
            event=event,
        )
        data = to_bytes(entry)
        return StoredEntry(data=data, signature=self._signer.sign(prefixed(ENTRY_KIND, data)))


def _holds(reader: LedgerStore | LedgerWriter, head: Head) -> bool:
    if head.size == 0:
        return head == EMPTY
    stored = next(iter(reader.entries(head.size - 1)), None)
    return stored is not None and Head(size=head.size, hash=stored.hash) == head


def _moment(clock: Clock, register: Register) -> datetime:
    now, last = clock.now(), register.last_at
    if last is None or now >= last:
        return now
    if last - now > _PATIENCE:
        raise ClockBehind(
            f"The clock says {now:%Y-%m-%d %H:%M}Z, the ledger {last:%Y-%m-%d %H:%M}Z"
        )
    return last
