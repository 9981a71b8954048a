"""A custodian's entries in their chain: the same chain as a site's, with a custodian's events.

Promises that an entry is applied only where it follows the one before, in time as well, and that
the signature of the custodian that the first entry names is over it. A cut-off tail it does not
notice: for that, see `checkpoint`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from securefed.domain.custody import CustodyEvent, CustodyFounded, CustodyRegister
from securefed.domain.identifiers import Digest, Name
from securefed.domain.ledger import StoredEntry, extended
from securefed.domain.records import from_bytes
from securefed.errors import LedgerBroken, SecurefedError


@dataclass(frozen=True, kw_only=True)
class CustodyEntry:
    """One event in its place: at which custodian, after which entry, when."""

    format_version: int
    custodian: Name
    index: int
    previous: Digest
    at: datetime
    event: CustodyEvent


def follow(register: CustodyRegister, entries: Iterable[StoredEntry]) -> None:
    """Applies stored entries, each with its signature; the first that does not fit breaks the log.

    A custodian's log is short, so every signature is checked each time."""
    for stored in entries:
        place = f"entry {register.head.size}"
        try:
            apply(register, stored)
        except LedgerBroken as error:
            raise LedgerBroken(error.what, where=place) from error
        except SecurefedError as error:
            raise LedgerBroken(str(error), where=place) from error


def apply(register: CustodyRegister, stored: StoredEntry) -> CustodyEntry:
    """Applies one entry, or raises and changes nothing."""
    entry = from_bytes(CustodyEntry, stored.data)
    founding = entry.event if isinstance(entry.event, CustodyFounded) else None
    _check_place(register, entry, founding)
    key = (founding or register.custodian).key
    if not register.verify(key, stored.signed, stored.signature):
        raise LedgerBroken("The entry's signature is not the custodian's")
    register.act(entry.event)
    register.head = extended(register.head, stored)
    register.last_at = entry.at
    return entry


def _check_place(
    register: CustodyRegister, entry: CustodyEntry, founding: CustodyFounded | None
) -> None:
    if entry.format_version != 1:
        raise LedgerBroken(f"Unknown entry format {entry.format_version}")
    if (entry.index, entry.previous) != (register.head.size, register.head.hash):
        raise LedgerBroken("The entry does not follow the one before it")
    if register.last_at is not None and entry.at < register.last_at:
        raise LedgerBroken("The entry is older than the one before it")
    if (founding is not None) != (entry.index == 0):
        raise LedgerBroken("A log begins with the founding of its custodian, and has only one")
    if entry.custodian != (founding or register.custodian).custodian:
        raise LedgerBroken("The entry belongs to another log")
