"""The public records as every teacher is asked: each under each class, made into tensors once.

What does not fit into memory is made anew each time, so that memory is bounded whatever is asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from securefed.adapters.opacus_training.batches import unit_batch
from securefed.domain.fusion import Fusion
from securefed.recipes.public_records import answered
from securefed.recipes.recipe import Batch, Recipe
from securefed.recipes.records import Records

_MOST_BYTES = 256 * 2**20


@dataclass(frozen=True, kw_only=True)
class Question:
    """Some records, as many times as there are classes, each time with another class."""

    records: int
    batches: tuple[Batch, ...]

    @property
    def bytes(self) -> int:
        """The memory of its tensors."""
        return sum(one.nbytes for batch in self.batches for one in batch.values())


@dataclass(kw_only=True)
class Questions:
    """All public records, some at a time."""

    recipe: Recipe
    fusion: Fusion
    queries: Records
    device: torch.device
    _kept: dict[int, Question] = field(default_factory=dict, init=False)
    _bytes: int = field(default=0, init=False)

    def __iter__(self) -> Iterator[Question]:
        some = self.recipe.settings.physical_batch
        for start in range(0, len(self.queries), some):
            found = self._kept.get(start) or self._made(start, some)
            if start not in self._kept and self._bytes + found.bytes <= _MOST_BYTES:
                self._kept[start] = found
                self._bytes += found.bytes
            yield found

    def _made(self, start: int, some: int) -> Question:
        records = self.queries.picked(range(start, min(start + some, len(self.queries))))
        return Question(
            records=len(records),
            batches=tuple(self._asked(records, one) for one in range(len(self.fusion.classes))),
        )

    def _asked(self, records: Records, number: int) -> dict[str, Tensor]:
        asked = answered(records, self.fusion, [number] * len(records))
        return dict(unit_batch(self.recipe, asked, [1] * len(records), self.device).tensors)
