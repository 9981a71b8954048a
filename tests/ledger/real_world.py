"""The tests' world on Ed25519 keys and an SQLite file, so that several processes can share it."""

import hashlib
from pathlib import Path
from typing import cast

from securefed.adapters.ed25519_keys import Ed25519Signer, verify
from securefed.adapters.memory import MemoryKeys, MemoryLedger
from securefed.adapters.sqlite_store import SqliteLedger, create_ledger, open_ledger
from securefed.domain.identifiers import PublicKey, Signature
from tests.world import World


class SeededKeys:
    """A keyring whose keys any process can make again from their names."""

    def signer(self, name: str) -> Ed25519Signer:
        """The key of this name."""
        return Ed25519Signer(hashlib.sha256(f"test key {name}".encode()).digest())

    def verify(self, key: PublicKey, data: bytes, signature: Signature) -> bool:
        """Whether the signature is this key's over these bytes."""
        return verify(key, data, signature)


def real_world(path: Path, *, new: bool = False) -> World:
    """A world whose site hospital-a has its ledger at the path, made anew or as it is there."""
    world = World()
    world.keys = cast(MemoryKeys, SeededKeys())
    on_disk(world, create_ledger(path) if new else open_ledger(path, wait_s=30))
    return world


def on_disk(world: World, ledger: SqliteLedger) -> None:
    """Puts a file in the place of the store in memory; both are LedgerStores."""
    world.stores["hospital-a"] = cast(MemoryLedger, ledger)
