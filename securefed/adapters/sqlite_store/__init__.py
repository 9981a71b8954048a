"""The ledger in one SQLite file a site.

ledger = create_ledger(folder / "ledger.sqlite")
with ledger.exclusive() as writer:
    head = writer.head()
    writer.append(entry, index=head.size, previous=head.hash)
"""

from securefed.adapters.sqlite_store.ledger import SqliteLedger, create_ledger, open_ledger

__all__ = ["SqliteLedger", "create_ledger", "open_ledger"]
