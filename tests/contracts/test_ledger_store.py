"""What every LedgerStore does: extend only, all or nothing, and consistent reading."""

import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from securefed.adapters.memory import MemoryLedger
from securefed.adapters.sqlite_store import create_ledger
from securefed.domain.identifiers import Digest, Signature
from securefed.domain.ledger import EMPTY, NO_ENTRY, StoredEntry, extended
from securefed.errors import LedgerBroken, NumberInvalid
from securefed.ports import LedgerStore
from tests.contracts.ledgers import add, an_entry, extend, texts_of

ANOTHER = Digest("sha256:" + "5" * 64)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> LedgerStore:
    if request.param == "memory":
        return MemoryLedger()
    return create_ledger(tmp_path / "ledger.sqlite")


def test_a_new_ledger_is_empty(store: LedgerStore) -> None:
    assert store.head() == EMPTY
    assert list(store.entries()) == []


def test_an_append_returns_the_head_that_the_store_then_has(store: LedgerStore) -> None:
    first = an_entry("first")
    with store.exclusive() as writer:
        head = writer.append(first, index=0, previous=NO_ENTRY)
        assert writer.head() == head
    assert head == extended(EMPTY, first) == store.head()


def test_entries_come_back_in_order_with_their_exact_bytes_and_signature(
    store: LedgerStore,
) -> None:
    stored = [
        StoredEntry(data=data, signature=Signature(f"{index:02x}" * 64))
        for index, data in enumerate([b"", b"\x00\xff\n", "é".encode(), b"'; DROP TABLE entry"])
    ]
    with store.exclusive() as writer:
        for entry in stored:
            head = writer.head()
            writer.append(entry, index=head.size, previous=head.hash)
    assert list(store.entries()) == stored


@pytest.mark.parametrize("size", [1, 300, 1023, 1024, 1025, 2049])
def test_entries_start_where_asked(store: LedgerStore, size: int) -> None:
    texts = [f"entry {index}" for index in range(size)]
    add(store, *texts)
    for start in (0, 1, size - 1, size, size + 1000):
        assert texts_of(store, start) == texts[start:]
        with store.exclusive() as writer:
            assert texts_of(writer, start) == texts[start:]


def test_a_start_below_zero_is_refused(store: LedgerStore) -> None:
    with pytest.raises(NumberInvalid):
        store.entries(-1)


@pytest.mark.parametrize("index", [0, 2, 100])
def test_a_wrong_index_is_refused(store: LedgerStore, index: int) -> None:
    head = add(store, "first")
    with pytest.raises(LedgerBroken), store.exclusive() as writer:
        writer.append(an_entry("second"), index=index, previous=head.hash)
    assert store.head() == head


@pytest.mark.parametrize("previous", [NO_ENTRY, ANOTHER])
def test_a_wrong_previous_hash_is_refused(store: LedgerStore, previous: Digest) -> None:
    head = add(store, "first")
    with pytest.raises(LedgerBroken), store.exclusive() as writer:
        writer.append(an_entry("second"), index=1, previous=previous)
    assert store.head() == head


def test_a_first_entry_must_name_no_entry(store: LedgerStore) -> None:
    with pytest.raises(LedgerBroken), store.exclusive() as writer:
        writer.append(an_entry("first"), index=0, previous=ANOTHER)
    assert store.head() == EMPTY


def test_a_refused_append_does_not_undo_the_others_of_its_transaction(store: LedgerStore) -> None:
    with store.exclusive() as writer:
        extend(writer, "first")
        with pytest.raises(LedgerBroken):
            writer.append(an_entry("wrong"), index=0, previous=NO_ENTRY)
        head = extend(writer, "second")
    assert store.head() == head
    assert texts_of(store) == ["first", "second"]


class Interruption(BaseException):
    """Like KeyboardInterrupt: not an Exception."""


@pytest.mark.parametrize("error", [ValueError, Interruption])
def test_an_exception_undoes_the_whole_transaction(
    store: LedgerStore, error: type[BaseException]
) -> None:
    head = add(store, "first")

    def interrupted() -> None:
        with store.exclusive() as writer:
            extend(writer, "second", "third")
            raise error

    with pytest.raises(error):
        interrupted()
    assert store.head() == head
    assert texts_of(store) == ["first"]
    assert add(store, "another").size == 2


def test_nobody_else_sees_a_transaction_before_it_ends(store: LedgerStore) -> None:
    before = add(store, "first")
    with store.exclusive() as writer:
        extend(writer, "second")
        assert texts_of(writer) == ["first", "second"]
        assert store.head() == before
        assert texts_of(store) == ["first"]
    assert texts_of(store) == ["first", "second"]


def test_a_reader_sees_the_ledger_as_it_was_when_it_began(store: LedgerStore) -> None:
    add(store, *(f"entry {index}" for index in range(200)))
    reader = store.entries()
    next(reader)
    add(store, "later")
    assert len(list(reader)) == 199
    assert len(texts_of(store)) == 201


def test_an_abandoned_reader_blocks_no_writer(store: LedgerStore) -> None:
    add(store, "first", "second")
    reader = store.entries()
    next(reader)
    assert add(store, "third").size == 3
    assert next(reader) == an_entry("second")


def test_a_transaction_inside_a_transaction_is_a_defect(store: LedgerStore) -> None:
    with store.exclusive() as writer:
        with pytest.raises(RuntimeError), store.exclusive():
            pass
        extend(writer, "first")
    assert texts_of(store) == ["first"]


def test_a_writer_is_of_no_use_after_its_transaction(store: LedgerStore) -> None:
    with store.exclusive() as writer:
        head = extend(writer, "first")
    with pytest.raises(RuntimeError):
        writer.head()
    with pytest.raises(RuntimeError):
        list(writer.entries())
    with pytest.raises(RuntimeError):
        writer.append(an_entry("second"), index=1, previous=head.hash)
    assert store.head() == head


def test_threads_take_turns(store: LedgerStore) -> None:
    def work(name: str) -> None:
        for index in range(10):
            add(store, f"{name} {index} a", f"{name} {index} b")

    threads = [threading.Thread(target=work, args=(name,)) for name in "kln"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    texts = texts_of(store)
    assert len(set(texts)) == len(texts) == 60
    assert all(
        first[:-1] == second[:-1] for first, second in zip(texts[::2], texts[1::2], strict=True)
    )


@settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(batches=st.lists(st.lists(st.binary(max_size=50), max_size=4), max_size=4))
def test_the_store_holds_exactly_what_was_committed(
    store: LedgerStore, batches: list[list[bytes]]
) -> None:
    before = list(store.entries())
    for batch in batches:
        with store.exclusive() as writer:
            for data in batch:
                head = writer.head()
                entry = StoredEntry(data=data, signature=Signature("ab" * 64))
                writer.append(entry, index=head.size, previous=head.hash)
    added = list(store.entries(len(before)))
    assert [entry.data for entry in added] == [data for batch in batches for data in batch]
    assert list(store.entries()) == before + added
