"""How a user's numbers and an item's become a rating: each takes two tensors [..., width]."""

import torch
from torch import Tensor, nn


class Dot(nn.Module):
    """Matrix factorisation."""

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        """Their product."""
        return (user * item).sum(-1)


class Network(nn.Module):
    """Neural collaborative filtering: one hidden layer that sees both."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Linear(2 * width, hidden)
        self.last = nn.Linear(hidden, 1)

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        """What the network says of the two."""
        found: Tensor = self.last(torch.relu(self.first(torch.cat([user, item], -1))))
        return found.squeeze(-1)


class Towers(nn.Module):
    """Two towers: a layer for each, and the product of what they say."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.user = nn.Linear(width, hidden)
        self.item = nn.Linear(width, hidden)

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        """The product of both towers."""
        product = torch.tanh(self.user(user)) * torch.tanh(self.item(item))
        return product.sum(-1)


def matching(kind: str, width: int, hidden: int) -> nn.Module:
    """The part of this name."""
    if kind == "neural":
        return Network(width, hidden)
    return Towers(width, hidden) if kind == "two-tower" else Dot()
