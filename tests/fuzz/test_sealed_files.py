"""The fuzz target itself, on inputs by chance: it runs, refuses, and takes what is unchanged."""

import random

import pytest

from tests.fuzz.sealed_files import one_input

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("suite", [0, 1, 2])
@pytest.mark.parametrize("target", range(6))
def test_every_target_plays_inputs_of_chance(target: int, suite: int) -> None:
    chance = random.Random(target)
    assert one_input(bytes([target, suite]))
    for size in (4, 40, 400, 4000):
        assert one_input(bytes([target, suite]) + chance.randbytes(size))


@pytest.mark.parametrize("suite", [0, 1, 2])
def test_unchanged_files_are_taken(suite: int) -> None:
    assert one_input(bytes([0, suite])) == "update: taken unchanged"
    assert one_input(bytes([1, suite])) == "total: opened unchanged"
