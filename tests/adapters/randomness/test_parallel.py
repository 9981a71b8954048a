import pytest
import torch

from securefed.adapters.opacus_training.randomness.normals import NormalSource
from securefed.adapters.opacus_training.randomness.parallel import ParallelNormals
from tests.adapters.randomness.conftest import Opened

LARGE = 400_001


def test_each_part_is_filled_by_a_source_of_its_own(opened: Opened) -> None:
    shared = ParallelNormals([NormalSource(opened(seed)) for seed in (1, 2, 3)])
    found = torch.zeros(LARGE)
    shared.add_to(found, scale=2.0)
    for seed, part in zip((1, 2, 3), found.tensor_split(3), strict=True):
        alone = torch.zeros(len(part))
        NormalSource(opened(seed)).add_to(alone, scale=2.0)
        torch.testing.assert_close(part, alone)


def test_small_tensors_are_left_to_the_first(opened: Opened) -> None:
    shared = ParallelNormals([NormalSource(opened(seed)) for seed in (1, 2)])
    found, alone = torch.zeros(1000), torch.zeros(1000)
    shared.add_to(found, scale=1.0)
    NormalSource(opened(1)).add_to(alone)
    torch.testing.assert_close(found, alone)


def test_it_adds_to_what_is_there_whatever_its_layout(opened: Opened) -> None:
    shared = ParallelNormals([NormalSource(opened(1))])
    values = torch.full((300, 200), 5.0).t()
    shared.add_to(values, scale=0.1)
    assert values.mean().item() == pytest.approx(5, abs=0.01)
    assert values.std().item() == pytest.approx(0.1, rel=0.05)


def test_opened_sources_are_unrelated() -> None:
    found = torch.zeros(LARGE)
    ParallelNormals.opened().add_to(found, scale=1.0)
    assert len(set(found.tolist())) > LARGE * 0.95
    assert found.var().item() == pytest.approx(1, abs=0.03)


def test_a_source_that_fails_fails_the_whole(opened: Opened) -> None:
    used_up = opened(2)
    used_up._left = 0
    shared = ParallelNormals([NormalSource(opened(1)), NormalSource(used_up)])
    with pytest.raises(RuntimeError, match="used up"):
        shared.add_to(torch.zeros(LARGE), scale=1.0)


def test_there_is_at_least_one_source() -> None:
    with pytest.raises(ValueError, match="no source"):
        ParallelNormals([])
