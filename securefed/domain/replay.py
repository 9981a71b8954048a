"""Applying a ledger's entries to a register: place in the chain, the site's signature, effect.

Each check comes before any change, so an entry that does not fit leaves the register as it was.
Replaying a stored ledger is therefore the same as checking it: a ledger in which somebody was
allowed what the rules forbid does not replay.
"""

from collections.abc import Iterable

from securefed.domain.acts import act
from securefed.domain.event import LedgerEntry, SiteFounded
from securefed.domain.ledger import StoredEntry, extended
from securefed.domain.records import from_bytes
from securefed.domain.register import Register
from securefed.errors import LedgerBroken, SecurefedError


def replay(register: Register, entries: Iterable[StoredEntry]) -> None:
    """Applies stored entries; the first that does not fit breaks the ledger."""
    for stored in entries:
        place = f"entry {register.head.size}"
        try:
            apply(register, stored)
        except LedgerBroken as error:
            raise LedgerBroken(error.what, where=place) from error
        except SecurefedError as error:
            raise LedgerBroken(str(error), where=place) from error


def apply(register: Register, stored: StoredEntry) -> LedgerEntry:
    """Applies one entry, or raises and changes nothing."""
    entry = from_bytes(LedgerEntry, stored.data)
    _check_place(register, entry)
    _check_signature(register, entry, stored)
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


def _check_signature(register: Register, entry: LedgerEntry, stored: StoredEntry) -> None:
    founding = entry.event.site if isinstance(entry.event, SiteFounded) else None
    if (founding is not None) != (entry.index == 0):
        raise LedgerBroken("A ledger begins with the founding of its site, and has only one")
    site = founding or register.site
    if entry.site != site.site:
        raise LedgerBroken("The entry belongs to another ledger")
    if not register.verify(site.key, stored.signed, stored.signature):
        raise LedgerBroken("The entry's signature is not the site's")
