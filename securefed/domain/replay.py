"""Applying a ledger's entries to a register: place in the chain, the site's signature, effect.

Each check comes before any change, so an entry that does not fit leaves the register as it was.
Replaying a stored ledger is therefore the same as checking it: a ledger in which somebody was
allowed what the rules forbid does not replay. Entries may be replayed in two ways, which differ
only in how many of the site's own signatures they check:

- `replay` checks the last one. It is over bytes that name the hash of the entry before, and so on
  down to the founding, so whoever cannot sign for the site can change nothing below it. Place,
  effect, and the signatures of people inside the entries are checked in every entry.
- `audit` checks each one, so that an entry whose own signature was lost or damaged is found too.

Neither notices a tail that was cut off: for that, see `checkpoint`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from securefed.domain.acts import act
from securefed.domain.event import LedgerEntry, SiteFounded
from securefed.domain.identifiers import PublicKey
from securefed.domain.ledger import StoredEntry, extended
from securefed.domain.records import from_bytes
from securefed.domain.register import Register
from securefed.errors import LedgerBroken, SecurefedError

FirstBad: TypeAlias = Callable[[PublicKey, Sequence[StoredEntry]], int | None]

_BATCH = 2048


def replay(register: Register, entries: Iterable[StoredEntry]) -> None:
    """Applies stored entries; the first that does not fit breaks the ledger.

    Until this returns nothing is certain: a register whose replay failed is of no use."""
    last: StoredEntry | None = None
    for stored in entries:
        _placed(register, stored)
        last = stored
    if last is not None and not _signed(register, last):
        raise _unsigned(register.head.size - 1)


def audit(register: Register, entries: Iterable[StoredEntry], first_bad: FirstBad) -> Counter[str]:
    """Applies stored entries, checks the site's signature on each, and counts them by kind.

    The first bad entry breaks the ledger, whatever is wrong with it and with later ones.
    `first_bad` is handed many entries at once, so that it may use every processor."""
    kinds: Counter[str] = Counter()
    for batch in _batches(entries):
        start = 0
        if batch and not register.head.size:
            # Whose key it is stands in the first entry.
            replay(register, batch[:1])
            kinds[SiteFounded.kind] += 1
            start = 1
        rest = batch[start:]
        bad = first_bad(register.site.key, rest) if rest else None
        kinds.update(_placed(register, stored).event.kind for stored in rest[:bad])
        if bad is not None:
            raise _unsigned(register.head.size)
    return kinds


def apply(register: Register, stored: StoredEntry) -> LedgerEntry:
    """Applies one entry, or raises and changes nothing."""
    entry = from_bytes(LedgerEntry, stored.data)
    _check_place(register, entry)
    site = entry.event.site if isinstance(entry.event, SiteFounded) else register.site
    if not register.verify(site.key, stored.signed, stored.signature):
        raise LedgerBroken("The entry's signature is not the site's")
    return _applied(register, entry, stored)


def _placed(register: Register, stored: StoredEntry) -> LedgerEntry:
    """Applies one entry whose signature is checked elsewhere; says where it does not fit."""
    place = f"entry {register.head.size}"
    try:
        entry = from_bytes(LedgerEntry, stored.data)
        _check_place(register, entry)
        return _applied(register, entry, stored)
    except LedgerBroken as error:
        raise LedgerBroken(error.what, where=place) from error
    except SecurefedError as error:
        raise LedgerBroken(str(error), where=place) from error


def _applied(register: Register, entry: LedgerEntry, stored: StoredEntry) -> LedgerEntry:
    approves = act(register, entry)
    register.head = extended(register.head, stored)
    register.last_at = entry.at
    if entry.event.material:
        register.material.append((register.head, approves))
    return entry


def _check_place(register: Register, entry: LedgerEntry) -> None:
    if entry.format_version != 1:
        raise LedgerBroken(f"Unknown entry format {entry.format_version}")
    if (entry.index, entry.previous) != (register.head.size, register.head.hash):
        raise LedgerBroken("The entry does not follow the one before it")
    if register.last_at is not None and entry.at < register.last_at:
        raise LedgerBroken("The entry is older than the one before it")
    founding = entry.event.site if isinstance(entry.event, SiteFounded) else None
    if (founding is not None) != (entry.index == 0):
        raise LedgerBroken("A ledger begins with the founding of its site, and has only one")
    if entry.site != (founding or register.site).site:
        raise LedgerBroken("The entry belongs to another ledger")


def _signed(register: Register, stored: StoredEntry) -> bool:
    return register.verify(register.site.key, stored.signed, stored.signature)


def _unsigned(index: int) -> LedgerBroken:
    return LedgerBroken("The entry's signature is not the site's", where=f"entry {index}")


def _batches(entries: Iterable[StoredEntry]) -> Iterator[list[StoredEntry]]:
    """Entries by the thousand. What a store refuses waits until the entries before are checked."""
    batch: list[StoredEntry] = []
    try:
        for stored in entries:
            batch.append(stored)
            if len(batch) == _BATCH:
                yield batch
                batch = []
    except LedgerBroken:
        yield batch
        raise
    yield batch
