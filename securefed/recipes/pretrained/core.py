"""LoRA by a core: beside a frozen matrix a small square one between that matrix's own directions.

The two thin matrices of LoRA are set once, from the largest singular directions of the weight, and
stay; between them only rank times rank numbers are trained (LoRA-XS, arXiv 2405.17604), so that far
fewer are clipped and noised, and the mean of sites' cores is the mean of what they do. Promises the
same directions, with the same sign, wherever the weight is the same to the bit: they are computed
in double precision, and the largest entry of each is positive.
"""

from typing import Final

import torch
from torch import Tensor, nn

from securefed.errors import ModelUnusable

# Beside the largest; what rounding does to a singular value is below 1e-13 of it.
_LEAST_GAP: Final = 1e-6


class CoreLora(nn.Module):
    """A frozen linear layer, with a core of so many rows and columns beside it."""

    def __init__(self, base: nn.Module, rank: int, scale: float) -> None:
        super().__init__()
        if not isinstance(base, nn.Linear) or rank > min(base.weight.shape):
            raise ModelUnusable(
                f"LoRA's core of rank {rank} does not fit {type(base).__name__}",
                where="lora_trains",
                hint="It is for linear layers of no fewer rows and columns; else train thin ones.",
            )
        out, into = base.weight.shape
        self.base = base
        self.down = nn.Linear(into, rank, bias=False)
        self.core = nn.Linear(rank, rank, bias=False)
        self.up = nn.Linear(rank, out, bias=False)
        with torch.no_grad():
            up, down = _directions(base.weight, rank)
            self.down.weight.copy_(down)
            self.up.weight.copy_(up * scale)
            self.core.weight.zero_()
        self.requires_grad_(False)
        self.core.requires_grad_(True)

    def forward(self, given: Tensor) -> Tensor:
        """What the layer makes of it, and what the core adds."""
        added: Tensor = self.base(given) + self.up(self.core(self.down(given)))
        return added

    def merge(self) -> None:
        """Adds what was learnt to the layer's weight."""
        with torch.no_grad():
            learnt = self.up.weight @ self.core.weight @ self.down.weight
            self.base.weight += learnt
            self.core.weight.zero_()

    def get_base_layer(self) -> nn.Linear:
        """The layer by itself."""
        return self.base


def _directions(weight: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The largest singular directions, each side with the root of their size."""
    left, sizes, right = torch.linalg.svd(weight.detach().double().cpu(), full_matrices=False)
    gaps = -torch.diff(sizes, append=torch.zeros(1, dtype=sizes.dtype))[:rank]
    if not bool((gaps > _LEAST_GAP * sizes[0]).all()):
        raise ModelUnusable(
            f"Two of the layer's {rank} largest directions are equally large",
            where="lora_trains",
            hint="Other sites could find others there: take another lora_rank, or thin matrices.",
        )
    left, right, roots = left[:, :rank], right[:rank], sizes[:rank].sqrt()
    largest = right.gather(1, right.abs().argmax(1, keepdim=True)).squeeze(1)
    # Whatever sign a library gives a direction, all sites take the same.
    roots = torch.where(largest < 0, -roots, roots)
    return left * roots, right * roots.unsqueeze(1)
