"""A user's row made from the user's own records and the items' rows: nothing about a user is kept.

Tensors are [users, records, ...]; `present` is zero for rows that only fill up. A `taste` is a bias
and as many numbers as an item has. For a dot product it is the ridge fit to the user's ratings. At
that optimum the fit does not move to first order (the envelope theorem), so that the gradient with
respect to the items is exact with the fit held fixed. For other models it is a mean of the rated
items, weighed by ratings, through which gradients flow.

Nothing here passes from one user to another.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Penalties:
    """How strongly a user's bias and numbers are pulled to zero."""

    bias: float
    width: float


def fitted_taste(
    items: Tensor, ratings: Tensor, present: Tensor, penalties: Penalties, *, held_out: bool = False
) -> Tensor:
    """For each record [1 + width] numbers t with t·(1, item) ≈ rating - the item's bias.

    `items` has the item's bias first. The same for all of a user's records, or for each the fit to
    the others where it is held out."""
    # A half-precision solve does not exist, and would not be exact.
    with torch.no_grad(), torch.autocast(items.device.type, enabled=False):
        rows = items.float()
        seen = torch.cat([torch.ones_like(rows[..., :1]), rows[..., 1:]], -1)
        wanted = ratings.float() - rows[..., 0]
        weighed = seen * present.float().unsqueeze(-1)
        matrix = weighed.mT @ seen + _diagonal(seen, penalties)
        taste = _solved(matrix, weighed.mT @ wanted.unsqueeze(-1)).mT.expand_as(seen)
        if held_out:
            taste = _without_each(taste, _solved(matrix, weighed.mT).mT, seen, wanted)
        return taste


def _solved(matrix: Tensor, right: Tensor) -> Tensor:
    # It does not raise: numbers that are not finite are for the engine to silence.
    answer: Tensor = torch.linalg.solve_ex(matrix, right)[0]
    return answer


def _without_each(taste: Tensor, reach: Tensor, seen: Tensor, wanted: Tensor) -> Tensor:
    """Sherman and Morrison: without record i the fit t is t - A⁻¹xᵢ·eᵢ / (1 - xᵢA⁻¹xᵢ), eᵢ being
    its error. Of a record that is not present `reach`, A⁻¹xᵢ, is zero."""
    error = wanted - (taste * seen).sum(-1)
    leverage = (reach * seen).sum(-1)
    return taste - reach * (error / (1 - leverage)).unsqueeze(-1)


def mean_taste(items: Tensor, ratings: Tensor, present: Tensor, penalties: Penalties) -> Tensor:
    """For each record the user's mean bias, and mean of the items weighed by how they were rated,
    both from the user's other records. Penalties count as records at zero."""
    above = (ratings - items[..., 0].detach()) * present
    told = torch.cat([torch.ones_like(items[..., :1]), items[..., 1:]], -1) * above.unsqueeze(-1)
    others = told.sum(-2, keepdim=True) - told
    count = present.sum(-1, keepdim=True) - present
    penalty = torch.full_like(told[0, 0], penalties.width)
    penalty[0] = penalties.bias
    return others / (count.unsqueeze(-1) + penalty)


def _diagonal(seen: Tensor, penalties: Penalties) -> Tensor:
    penalty = torch.full_like(seen[0, 0], penalties.width)
    penalty[0] = penalties.bias
    return torch.diag(penalty)
