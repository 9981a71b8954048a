"""A custodian's log in use: follow what is stored, check an event against it, add one entry.

It works as a site's ledger does: reading, checking and writing are one exclusive transaction, so of
two processes or threads that want to open a round one is first, and the other is refused. When
`record` returns, the entry is on the disk. The newest head is remembered and handed to `keep`, so
that a log which went back is refused, also by the next process.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from securefed.domain.canonical import prefixed
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.custody import CustodyEvent, CustodyRegister
from securefed.domain.custody_log import CustodyEntry, apply, follow
from securefed.domain.identifiers import Name, SiteId
from securefed.domain.ledger import EMPTY, ENTRY_KIND, Head, StoredEntry, Verify
from securefed.domain.records import from_bytes, to_bytes
from securefed.errors import CheckpointInvalid, ClockBehind, LedgerBroken, LedgerRolledBack
from securefed.ports import Clock, LedgerStore, LedgerWriter, Signer

_PATIENCE = timedelta(minutes=5)


class CustodyLog:
    """The one way into a custodian's log."""

    def __init__(
        self,
        custodian: Name,
        store: LedgerStore,
        signer: Signer,
        verify: Verify,
        clock: Clock,
        keep: Callable[[Checkpoint], None],
        kept: Checkpoint | None,
    ) -> None:
        self.custodian = custodian
        self._store = store
        self._signer = signer
        self._verify = verify
        self._clock = clock
        self._keep = keep
        self._lock = threading.RLock()
        self._register: CustodyRegister | None = None
        self._seen = EMPTY if kept is None else self._own(kept).head

    def register(self) -> CustodyRegister:
        """The custodian's state as the store has it now, every entry checked. Do not change it."""
        with self._lock:
            return self._follow(self._store)

    def now(self) -> datetime:
        """The time by which the log goes: never before its last entry."""
        return _moment(self._clock, self.register())

    def record(self, event: CustodyEvent) -> bool:
        """Adds an event if it fits; says whether it did, or was there already."""
        with self._lock:
            with self._store.exclusive() as writer:
                register = self._follow(writer)
                if register.has(event):
                    return False
                stored = self._sealed(register, event)
                head = register.head
                apply(register, stored)
                # What is not on the disk is not believed.
                self._register = None
                writer.append(stored, head.size, head.hash)
            self._register, self._seen = register, register.head
            self._keep(self._signed(register.head))
        return True

    def checkpoint(self) -> Checkpoint:
        """The head, signed by the custodian."""
        return self._signed(self.register().head)

    def check_contains(self, checkpoint: Checkpoint) -> None:
        """Refuses a log that was shortened or rewritten since the checkpoint was signed."""
        head = self._own(checkpoint).head
        self.register()
        if not _holds(self._store, head):
            raise LedgerRolledBack(
                f"The log does not contain its own checkpoint of {head.size} entries"
            )

    def history(self) -> Iterator[CustodyEntry]:
        """Every entry, oldest first, once all are checked."""
        size = self.register().head.size
        for stored in self._store.entries():
            entry = from_bytes(CustodyEntry, stored.data)
            if entry.index < size:
                yield entry

    def stored(self) -> Iterator[StoredEntry]:
        """Every entry as it lies in the store, none of it checked here."""
        return self._store.entries()

    def _follow(self, reader: LedgerStore | LedgerWriter) -> CustodyRegister:
        if not _holds(reader, self._seen):
            raise LedgerRolledBack(
                f"The log had {self._seen.size} entries; now it has {reader.head().size}, or others"
            )
        register = self._register or CustodyRegister(self._verify)
        self._register = None
        follow(register, reader.entries(register.head.size))
        founded = register.founded
        if founded and (founded.custodian, founded.key) != (self.custodian, self._signer.key):
            raise LedgerBroken(f"The log is that of {founded.custodian}, or of another key")
        self._register, self._seen = register, register.head
        return register

    def _sealed(self, register: CustodyRegister, event: CustodyEvent) -> StoredEntry:
        entry = CustodyEntry(
            format_version=1,
            custodian=self.custodian,
            index=register.head.size,
            previous=register.head.hash,
            at=_moment(self._clock, register),
            event=event,
        )
        data = to_bytes(entry)
        return StoredEntry(data=data, signature=self._signer.sign(prefixed(ENTRY_KIND, data)))

    def _signed(self, head: Head) -> Checkpoint:
        checkpoint = Checkpoint(site=SiteId(self.custodian), head=head)
        return checkpoint.by_site(self._signer.key, self._signer.sign(checkpoint.signed))

    def _own(self, kept: Checkpoint) -> Checkpoint:
        mine = kept.site == SiteId(self.custodian)
        if not mine or not kept.vouched_by_site(self._signer.key, self._verify):
            raise CheckpointInvalid(f"The checkpoint is not signed by {self.custodian}")
        return kept


def _holds(reader: LedgerStore | LedgerWriter, head: Head) -> bool:
    if head.size == 0:
        return True
    stored = next(iter(reader.entries(head.size - 1)), None)
    return stored is not None and Head(size=head.size, hash=stored.hash) == head


def _moment(clock: Clock, register: CustodyRegister) -> datetime:
    now, last = clock.now(), register.last_at
    if last is None or now >= last:
        return now
    if last - now > _PATIENCE:
        raise ClockBehind(f"The clock says {now:%Y-%m-%d %H:%M}Z, the log {last:%Y-%m-%d %H:%M}Z")
    return last
