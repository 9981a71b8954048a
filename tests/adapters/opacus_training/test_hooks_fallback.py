"""Which engine a run gets: book-keeping where it can, hooks with a notice, or a refusal."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.training import train
from securefed.domain.privacy import PrivacyUnit
from securefed.errors import UnsupportedLayer
from tests.adapters.opacus_training.plain import (
    RECORD,
    WIDTH,
    CountingGate,
    PlainRecipe,
    mechanism,
    plain_run,
    source,
)
from tests.adapters.opacus_training.trap_models import MixingRecipe

pytestmark = pytest.mark.slow


class Scaled(nn.Module):
    """A layer that somebody wrote, before one that is known."""

    def __init__(self) -> None:
        super().__init__()
        self.own, self.layer = _Scale(), nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.layer(self.own(x))
        return answer


class _Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x


class OneRow(nn.Module):
    """Book-keeping gives such a parameter out by rows, and sees only in a run that it cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.own, self.layer = _Row(), nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.layer(self.own(x))
        return answer


class _Row(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.row = nn.Parameter(torch.ones(1, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.tanh(self.row)


class Normalised(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.own, self.norm, self.layer = _Scale(), nn.BatchNorm1d(WIDTH), nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.layer(self.norm(self.own(x)))
        return answer


class RawWeight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.before, self.layer = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.layer(self.before(x) + x @ self.before.weight)
        return answer


class Idle(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.Linear(WIDTH, 1), nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.used(x)
        return answer


def test_a_model_that_book_keeping_knows_needs_no_notice(tmp_path: Path) -> None:
    proof = train(plain_run(tmp_path, recipe=PlainRecipe()), CountingGate()).proof
    assert (proof.engine, proof.notice) == ("book-keeping", None)


@pytest.mark.parametrize("bound", [1, 3])
@pytest.mark.parametrize(
    ("kind", "named"), [(Scaled, r"_Scale.*own\.scale"), (OneRow, r"'tanh'.*own\.row")]
)
def test_a_layer_without_a_rule_trains_by_hooks_with_a_notice_that_names_it(
    kind: Callable[[], nn.Module], named: str, bound: int, tmp_path: Path
) -> None:
    unit = RECORD if bound == 1 else PrivacyUnit(column="who", bound=bound)
    run = plain_run(
        tmp_path,
        recipe=MixingRecipe(kind),
        source=source(tmp_path, 60, unit, each=bound),
        mechanism=mechanism(2, rate="0.5"),
    )
    proof = train(run, CountingGate()).proof
    assert proof.engine == "hooks"
    assert proof.notice is not None
    assert re.search(named, proof.notice)
    assert proof.largest_contribution <= 1 + 1e-3


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Normalised, "batch normalisation"),
        (RawWeight, r"outside the layer.*before\.weight"),
        (Idle, r"no part in the loss.*unused\.weight"),
    ],
)
def test_what_neither_can_do_is_refused_before_the_gate(
    kind: Callable[[], nn.Module], reason: str, tmp_path: Path
) -> None:
    gate = CountingGate()
    with pytest.raises(UnsupportedLayer, match=reason):
        train(plain_run(tmp_path, recipe=MixingRecipe(kind)), gate)
    assert gate.passed == []
