"""What both models are trained by: AdamW with one warm-up and a falling rate, without privacy.

What they learn from is public: nothing here is clipped or noised.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

_WARM_UP = 0.1
_LONGEST = 1.0


def fit(
    model: nn.Module,
    loss: Callable[[Tensor], Tensor],
    examples: int,
    *,
    epochs: int,
    batch: int,
    rate: float,
) -> None:
    """Trains on so many examples; `loss` is given the numbers of a batch's."""
    steps = epochs * -(-examples // batch)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate)
    course = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rate, total_steps=steps + 1, pct_start=_WARM_UP
    )
    drawn = torch.Generator().manual_seed(0)
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for numbers in torch.split(torch.randperm(examples, generator=drawn), batch):
            optimiser.zero_grad()
            found = loss(numbers)
            torch.autograd.backward(found)
            nn.utils.clip_grad_norm_(model.parameters(), _LONGEST)
            optimiser.step()
            course.step()
            total += found.item() * len(numbers)
        print(f"epoch {epoch + 1} of {epochs}: loss {total / examples:.3f}", flush=True)
    model.eval()
