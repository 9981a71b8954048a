"""The chain: an entry's hash covers its stored bytes, and the head names the last one."""

import hashlib

import pytest

from securefed.domain.identifiers import Signature
from securefed.domain.ledger import EMPTY, NO_ENTRY, Head, StoredEntry, extended
from securefed.errors import NumberInvalid
from tests.forge import stored_entries
from tests.world import World

STORED = StoredEntry(data=b'{"a":1}', signature=Signature("0" * 128))


def test_an_entry_is_hashed_and_signed_over_its_stored_bytes() -> None:
    assert STORED.signed == b'securefed/v1/ledger-entry\n{"a":1}'
    assert STORED.hash == "sha256:" + hashlib.sha256(STORED.signed).hexdigest()


def test_a_signature_is_no_part_of_the_hash() -> None:
    assert StoredEntry(data=STORED.data, signature=Signature("f" * 128)).hash == STORED.hash


def test_each_entry_makes_the_next_head() -> None:
    assert Head(size=0, hash=NO_ENTRY) == EMPTY
    assert extended(EMPTY, STORED) == Head(size=1, hash=STORED.hash)
    world = World()
    site, head = world.site(), EMPTY
    for stored in stored_entries(world):
        head = extended(head, stored)
    assert head == site.register().head


@pytest.mark.parametrize("size", [-1, True, 10**13])
def test_a_head_counts_its_entries(size: int) -> None:
    with pytest.raises(NumberInvalid):
        Head(size=size, hash=NO_ENTRY)
