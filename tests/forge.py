"""What somebody with a site's own key, or with its file, could write past the steps.

The stories use it to play the hostile colleague: entries made by hand, decisions with forged plans,
and stores whose rows were edited. Nothing here checks anything; that is the product's part.
"""

from collections.abc import Iterable
from dataclasses import replace

from securefed.adapters.memory import MemoryLedger
from securefed.domain.canonical import prefixed
from securefed.domain.decision import Decision
from securefed.domain.event import Decided, Event, LedgerEntry
from securefed.domain.identifiers import AccountId
from securefed.domain.ledger import ENTRY_KIND, StoredEntry
from securefed.domain.records import from_bytes, to_bytes
from securefed.parties.site import SiteParty
from securefed.ports import Signer
from securefed.steps.sign_decision import sign_decision
from tests.world import World


def next_entry(site: SiteParty, event: Event) -> LedgerEntry:
    """The entry that would follow."""
    head = site.ledger.register().head
    return LedgerEntry(
        format_version=1,
        site=site.ledger.site,
        index=head.size,
        previous=head.hash,
        at=site.ledger.now(),
        event=event,
    )


def signed(world: World, entry: LedgerEntry, signer: Signer | None = None) -> StoredEntry:
    """An entry with a signature: the site's own, unless another signer is given."""
    data = to_bytes(entry)
    signer = signer or world.keys.signer(entry.site)
    return StoredEntry(data=data, signature=signer.sign(prefixed(ENTRY_KIND, data)))


def decided(world: World, by: AccountId, decision: Decision) -> Decided:
    """A decision, signed by a person as the steps would sign it."""
    return Decided(decided=sign_decision(decision, world.signer(by)))


def stored_entries(world: World, name: str = "hospital-a") -> list[StoredEntry]:
    """What lies in a site's store."""
    return list(world.stores[name].entries())


def store_of(entries: Iterable[StoredEntry]) -> MemoryLedger:
    """A store with these entries, whatever is in them."""
    store = MemoryLedger()
    with store.exclusive() as writer:
        for entry in entries:
            head = writer.head()
            writer.append(entry, head.size, head.hash)
    return store


def opened(world: World, entries: Iterable[StoredEntry], name: str = "hospital-a") -> SiteParty:
    """The site as a fresh process finds it, on a store with these entries."""
    world.stores[name] = store_of(entries)
    return world.reopened(name)


def rewritten(world: World, entries: list[StoredEntry], signer: Signer) -> list[StoredEntry]:
    """The same events chained and signed anew, as only the holder of a signing key could."""
    chained: list[StoredEntry] = []
    for index, stored in enumerate(entries):
        entry = from_bytes(LedgerEntry, stored.data)
        if chained:
            entry = replace(entry, previous=chained[-1].hash)
        chained.append(signed(world, replace(entry, index=index), signer))
    return chained
