"""Models for Opacus' hooks, and one clipped sum by them."""

from collections.abc import Callable
from typing import Any

import torch
from opacus.layers import DPLSTM, DPMultiheadAttention
from torch import Tensor, nn

from securefed.adapters.opacus_training.hooks import HooksModule
from tests.adapters.bookkeeping.models import (
    SmallVisionTransformer,
    TiedLanguageModel,
    TwoTower,
    network,
)
from tests.adapters.bookkeeping.oracle import (
    Batch,
    Losses,
    Sums,
    cross_entropy,
    gradients_of,
    next_token,
    squares,
)

CLIP = 0.3


class LastState(nn.Module):
    """A recurrent network, in the form in which Opacus knows it."""

    def __init__(self) -> None:
        super().__init__()
        self.states, self.head = DPLSTM(6, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.head(self.states(x)[0][:, -1])
        return answer


class Attends(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.before, self.layer = nn.Linear(8, 8), DPMultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        answer: Tensor = self.layer(x, x, x, need_weights=False)[0]
        return answer


class Scaled(nn.Module):
    """A layer that somebody wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.randn(6)), nn.Parameter(torch.randn(6))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.scale * x) + self.shift


def wide(*shape: int) -> Callable[[], Batch]:
    return lambda: (torch.randn(6, *shape),)


def labelled(*shape: int) -> Callable[[], Batch]:
    return lambda: (torch.randn(6, *shape), torch.randint(3, (6,)))


Case = tuple[Callable[[], nn.Module], Callable[[], Batch], Losses]

# Book-keeping has rules for these.
BOTH: dict[str, Case] = {
    "network": (network, labelled(6), cross_entropy),
    "tied": (lambda: TiedLanguageModel(9, 4), lambda: (torch.randint(9, (6, 7)),), next_token),
    "two towers": (
        lambda: TwoTower(30, 6),
        lambda: (torch.randint(5, (6, 5)), torch.randint(5, (6,))),
        lambda model, batch: model(*batch).square(),
    ),
    "vision transformer": (SmallVisionTransformer, labelled(1, 8, 8), cross_entropy),
    "attention": (Attends, wide(4, 8), squares),
}
# And none for these.
HOOKS_ONLY: dict[str, Case] = {
    "recurrent": (LastState, labelled(4, 6), cross_entropy),
    "own layer": (lambda: nn.Sequential(nn.Linear(6, 6), Scaled()), wide(4, 6), squares),
    "own layer first": (lambda: nn.Sequential(Scaled(), nn.Linear(6, 6)), wide(6), squares),
    "three dimensions": (lambda: nn.Conv3d(2, 3, 2), wide(2, 3, 3, 3), squares),
    "transposed": (lambda: nn.ConvTranspose1d(2, 3, 2), wide(2, 6), squares),
    "instances": (lambda: nn.InstanceNorm1d(2, affine=True), wide(2, 6), squares),
    "slopes": (lambda: nn.Sequential(nn.Linear(6, 6), nn.PReLU()), wide(6), squares),
}


def by_hooks(
    model: nn.Module, batch: Batch, losses: Losses, clip: float = CLIP, rows: int = 1
) -> tuple[Any, Sums]:
    module = HooksModule(model)
    try:
        done = module.clipped_sum(losses(module, batch), clip, unit_rows=rows)
        return done, gradients_of(model)
    finally:
        module.detach()
        model.zero_grad()
