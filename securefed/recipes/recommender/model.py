"""The models: a row for each item, a row for each user from a table or from records, and a match.

The first number of a row is a bias; the prediction is how far a rating is above the public mean.
A pointwise model: no record is compared with another one's items, so that records stay apart. With
users from their own records, the records of one user meet each other and nobody else's.
"""

import torch
from torch import Tensor, nn

from securefed.recipes.recommender.matching import matching
from securefed.recipes.recommender.own_records import Penalties, fitted_taste, mean_taste
from securefed.recipes.recommender.settings import RecommenderSettings

USER_TABLE = "user.weight"


class Recommender(nn.Module):
    """Called with one entry a record."""

    def __init__(self, settings: RecommenderSettings, items: int) -> None:
        super().__init__()
        self._scale = settings.table_scale
        self._fits = settings.model == "factorisation"
        self._penalties = Penalties(bias=settings.bias_penalty, width=settings.width_penalty)
        self.item = _table(items, settings)
        self.user = _table(settings.user_rows, settings) if settings.users == "table" else None
        self.match = matching(settings.model, settings.width, settings.hidden)

    def forward(
        self,
        item: Tensor,
        user: Tensor | None = None,
        rating: Tensor | None = None,
        present: Tensor | None = None,
        users: int = 0,
        shifts: Tensor | None = None,
    ) -> Tensor:
        """Predictions from the table's users, or from ratings: so many users, each with the same
        number of records, all in order. With shifts, for the items so many places further on in
        the catalogue in place of each record's own: [records, shifts]."""
        rows = self.item(item) * self._scale
        if self.user is not None:
            taste = self.user(user) * self._scale
        elif rating is None or present is None:
            raise ValueError("without a table a user is what the user's records say")
        else:
            own = rows.view(users, -1, rows.shape[-1])
            taste = self._taste(own, rating.view(users, -1), present.view(users, -1))
            taste = taste.reshape(rows.shape)
        if shifts is None:
            return self._predicted(taste, rows)
        # One after the other: all of them at once would take a hundred times the memory.
        others = (self.item((item + shift) % self.item.num_embeddings) for shift in shifts)
        return torch.stack([self._predicted(taste, one * self._scale) for one in others], 1)

    def foretell(self, seen: Tensor, rating: Tensor, item: Tensor) -> Tensor:
        """Predictions for other items of one user who rated the seen ones: from those records
        alone, on the user's side, where nothing is released. None needs to have been seen."""
        rows = self.item(seen).unsqueeze(0) * self._scale
        # One record more that is not present: its taste is what all others say.
        blank = rows.new_zeros(1, 1, rows.shape[-1])
        above = torch.cat([rating, rating.new_zeros(1)]).unsqueeze(0)
        present = torch.cat([torch.ones_like(rating), rating.new_zeros(1)]).unsqueeze(0)
        taste = self._taste(torch.cat([rows, blank], 1), above, present)[0, -1]
        candidates = self.item(item) * self._scale
        return self._predicted(taste.expand_as(candidates), candidates)

    def _taste(self, rows: Tensor, rating: Tensor, present: Tensor) -> Tensor:
        if self._fits:
            # While a model is judged, no record is predicted from itself.
            held_out = not self.training
            return fitted_taste(rows, rating, present, self._penalties, held_out=held_out)
        return mean_taste(rows, rating, present, self._penalties)

    def _predicted(self, user: Tensor, item: Tensor) -> Tensor:
        matched: Tensor = self.match(user[..., 1:], item[..., 1:])
        return user[..., 0] + item[..., 0] + matched


def _table(rows: int, settings: RecommenderSettings) -> nn.Embedding:
    table = nn.Embedding(rows, 1 + settings.width)
    with torch.no_grad():
        table.weight.mul_(settings.first_weights / settings.table_scale)
        table.weight[:, 0] = 0
    return table
