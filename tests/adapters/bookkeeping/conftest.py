"""One thread and the same numbers every time."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(20)
    yield
    torch.set_num_threads(threads)
