"""Small models in plain torch, one for each shape of use that a recipe will have."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class TiedLanguageModel(nn.Module):
    """An embedding whose table is also the last layer's matrix."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(words, width)
        self.middle = nn.Linear(width, width)
        self.head = nn.Linear(width, words, bias=False)
        self.head.weight = self.table.weight

    def forward(self, tokens: Tensor) -> Tensor:
        scores: Tensor = self.head(torch.tanh(self.middle(self.table(tokens))))
        return scores


class CollaborativeFilter(nn.Module):
    """Neural collaborative filtering: two tables and a small network."""

    def __init__(self, users: int, items: int, width: int) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(users, width), nn.Embedding(items, width)
        self.network = nn.Sequential(
            nn.Linear(2 * width, width), nn.ReLU(inplace=True), nn.Linear(width, 1)
        )

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        both = torch.cat([self.users(users), self.items(items)], dim=1)
        score: Tensor = self.network(both).squeeze(1)
        return score


class TwoTower(nn.Module):
    """A history and an item through the same table and the same layer."""

    def __init__(self, items: int, width: int) -> None:
        super().__init__()
        self.items = nn.Embedding(items, width, padding_idx=0)
        self.tower = nn.Linear(width, width)

    def forward(self, history: Tensor, item: Tensor) -> Tensor:
        person = self.tower(self.items(history)).mean(1)
        thing = self.tower(self.items(item))
        return (person * thing).sum(1)


class SmallVisionTransformer(nn.Module):
    """A class token and positions that belong to no layer."""

    def __init__(self, size: int = 8, patch: int = 4, width: int = 8, classes: int = 3) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, width, patch, patch)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, 1 + (size // patch) ** 2, width))
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.norm = nn.Linear(width, width), nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patches(images).flatten(2).transpose(1, 2)
        token = self.token.expand(len(images), -1, -1)
        x = self.norm(torch.cat([token, patches], dim=1) + self.positions)
        x = x + functional.scaled_dot_product_attention(self.query(x), self.key(x), self.value(x))
        scores: Tensor = self.head(x[:, 0])
        return scores


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 10), nn.Tanh(), nn.Dropout(0.0), nn.Linear(10, 3))


def convolutional() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(4, 8), nn.ReLU(inplace=True)),
        *(nn.Conv2d(8, 8, 3, stride=2, groups=2), nn.ReLU(inplace=True)),
        *(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 3)),
    )
