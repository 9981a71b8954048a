"""Models that compute a record from the others: Opacus trains them, the self-test refuses them."""

from pathlib import Path

import pytest
import torch
from torch import nn

from securefed.adapters.opacus_training.training import train
from securefed.errors import SecurefedError, SelfTestFailed, UnsupportedLayer
from tests.adapters.bookkeeping.oracle import Sums, norm
from tests.adapters.opacus_training.plain import (
    CountingGate,
    PlainRecipe,
    made_up,
    mechanism,
    plain_run,
    source,
)
from tests.adapters.opacus_training.plain_opacus import hooks_sum
from tests.adapters.opacus_training.trap_models import MIXING, MixingRecipe

CLIP = 0.1
RECORDS = 8

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Full backward hook is firing"),
]


def by_opacus(recipe: PlainRecipe, model: nn.Module, records: list[int], folder: Path) -> Sums:
    batch = recipe.collate(made_up(RECORDS, 3, folder).picked(records))
    return hooks_sum(model, lambda module: recipe.losses(module, batch), CLIP)


def largest_removal(recipe: PlainRecipe, folder: Path) -> float:
    """How far taking one record away moves Opacus' clipped sum, in clips, for the worst record."""
    torch.manual_seed(3)
    model, everybody, found = recipe.model(), [*range(RECORDS)], []
    every = by_opacus(recipe, model, everybody, folder)
    for out in everybody:
        fewer = by_opacus(recipe, model, [one for one in everybody if one != out], folder)
        found.append(norm({name: every[name] - fewer[name] for name in every}) / CLIP)
    return max(found)


def test_without_mixing_a_record_moves_the_sum_of_opacus_by_one_clip(tmp_path: Path) -> None:
    assert largest_removal(PlainRecipe(), tmp_path) <= 1 + 1e-4


@pytest.mark.parametrize("trap", MIXING)
def test_opacus_trains_a_model_in_which_one_record_moves_the_sum_by_more(
    trap: str, tmp_path: Path
) -> None:
    assert largest_removal(MIXING[trap], tmp_path) > 1.05


@pytest.mark.parametrize("trap", MIXING)
def test_ours_refuses_it_before_the_gate(trap: str, tmp_path: Path) -> None:
    gate = CountingGate()
    run = plain_run(
        tmp_path,
        recipe=MIXING[trap],
        source=source(tmp_path, 40),
        mechanism=mechanism(2, clip=str(CLIP)),
    )
    with pytest.raises((SelfTestFailed, UnsupportedLayer)) as refusal:
        train(run, gate)
    assert isinstance(refusal.value, SecurefedError)
    assert gate.passed == []


class FrozenStatistics(nn.Module):
    """Batch normalisation without parameters or statistics, which Opacus' hooks do not look at."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4, affine=False, track_running_stats=False)
        self.layer = nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.layer(self.norm(x))
        return answer


def test_batch_normalisation_without_parameters_passes_opacus_and_not_us(tmp_path: Path) -> None:
    recipe = MixingRecipe(FrozenStatistics)
    assert largest_removal(recipe, tmp_path) > 1.05
    with pytest.raises(UnsupportedLayer, match="batch normalisation"):
        train(plain_run(tmp_path, recipe=recipe), CountingGate())
