"""Keystreams that are the same in every run of a test."""

from collections.abc import Callable
from typing import TypeAlias

import pytest

from securefed.adapters.opacus_training.randomness.stream import KeyStream, Purpose, SeededKeyStream

Opened: TypeAlias = Callable[..., KeyStream]


@pytest.fixture
def opened(request: pytest.FixtureRequest) -> Opened:
    def open_one(seed: int = 1, purpose: Purpose = Purpose.NOISE) -> KeyStream:
        return SeededKeyStream(purpose, seed, request)

    return open_one
