"""What is particular to the twins: a test sets them."""

from datetime import UTC, datetime, timedelta, timezone

from securefed.adapters.memory import MemoryClock, MemoryEntropy, MemoryKeys, MemoryMachine
from securefed.domain.site import Sandbox


def test_the_clock_moves_when_it_is_moved() -> None:
    clock = MemoryClock(datetime(2026, 3, 1, 12, 0, 0, 999, tzinfo=UTC))
    assert clock.now() == datetime(2026, 3, 1, 12, tzinfo=UTC)
    clock.time += timedelta(days=1)
    assert clock.now() == datetime(2026, 3, 2, 12, tzinfo=UTC)
    clock.time = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert clock.now() == datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_the_tokens_are_the_same_in_every_run() -> None:
    assert MemoryEntropy().token() == MemoryEntropy().token()


def test_a_name_has_one_key() -> None:
    keys = MemoryKeys()
    assert keys.signer("dana").key == keys.signer("dana").key == MemoryKeys().signer("dana").key


def test_a_keyring_verifies_only_what_it_signed() -> None:
    dana = MemoryKeys().signer("dana")
    assert not MemoryKeys().verify(dana.key, b"text", dana.sign(b"text"))


def test_the_machine_changes_when_it_is_changed() -> None:
    machine = MemoryMachine()
    before = machine.machine()
    machine.sandbox = Sandbox.BUBBLEWRAP
    assert machine.machine().sandbox is Sandbox.BUBBLEWRAP
    assert before.sandbox is Sandbox.PROCESS
