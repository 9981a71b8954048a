"""What every Clock, Entropy and MachineProbe does."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from securefed.adapters.memory import MemoryClock, MemoryEntropy, MemoryMachine
from securefed.adapters.this_machine import SystemClock, SystemEntropy, ThisMachine
from securefed.domain.identifiers import Digest, Version
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.site import Machine, Sandbox
from securefed.ports import Clock, Entropy, MachineProbe


@pytest.mark.parametrize("make", [MemoryClock, SystemClock])
def test_a_clock_says_utc_to_the_second(make: Callable[[], Clock]) -> None:
    now = make().now()
    assert type(now) is datetime
    assert now.utcoffset() == timedelta(0)
    assert now.tzinfo is UTC
    assert now.microsecond == 0


@pytest.mark.parametrize("make", [MemoryEntropy, SystemEntropy])
def test_tokens_have_thirty_two_bytes_and_never_repeat(make: Callable[[], Entropy]) -> None:
    entropy = make()
    tokens = [entropy.token() for _ in range(100)]
    assert len(set(tokens)) == 100
    assert {len(token) for token in tokens} == {32}


@pytest.mark.parametrize("make", [MemoryMachine, ThisMachine])
def test_a_machine_is_described_with_checked_values(make: Callable[[], MachineProbe]) -> None:
    machine = make().machine()
    assert type(machine.package) is type(machine.interpreter) is Version
    assert type(machine.package_digest) is type(machine.libraries_digest) is Digest
    assert machine.package_digest != machine.libraries_digest
    assert isinstance(machine.sandbox, Sandbox)
    assert from_bytes(Machine, to_bytes(machine)) == machine


@pytest.mark.parametrize("make", [MemoryMachine, ThisMachine])
def test_an_unchanged_machine_is_described_the_same(make: Callable[[], MachineProbe]) -> None:
    assert make().machine() == make().machine()
