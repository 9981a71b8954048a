"""Entries for ledgers in tests: the store looks at neither meaning nor signature."""

from securefed.domain.identifiers import Signature
from securefed.domain.ledger import Head, StoredEntry
from securefed.ports import LedgerStore, LedgerWriter

UNCHECKED = Signature("00" * 64)


def an_entry(text: str) -> StoredEntry:
    return StoredEntry(data=text.encode("utf-8"), signature=UNCHECKED)


def extend(writer: LedgerWriter, *texts: str) -> Head:
    head = writer.head()
    for text in texts:
        head = writer.append(an_entry(text), index=head.size, previous=head.hash)
    return head


def add(store: LedgerStore, *texts: str) -> Head:
    with store.exclusive() as writer:
        return extend(writer, *texts)


def texts_of(store: LedgerStore | LedgerWriter, start: int = 0) -> list[str]:
    return [entry.data.decode("utf-8") for entry in store.entries(start)]
