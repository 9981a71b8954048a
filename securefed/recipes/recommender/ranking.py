"""How often an item that a user chose is ranked near the top: HR@10 of one among a hundred.

For public or held-out test records only: it is not among the noised metrics of a recipe. A tie
counts against the model, so that one which says the same of all items scores nothing.
"""

from torch import Tensor


def hit_rate(scores: Tensor, at: int = 10) -> float:
    """The share of rows [rows, candidates] whose first candidate is among the best."""
    if scores.dim() != 2 or not len(scores) or scores.shape[1] <= at:
        raise ValueError("expected rows of more candidates than are counted as the top")
    # Not "<": a score that is NaN is beaten by none, and beats none.
    beaten = scores[:, :1] > scores[:, 1:]
    return float(((~beaten).sum(1) < at).float().mean())
