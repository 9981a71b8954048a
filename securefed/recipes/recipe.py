"""What a recipe supplies, as a Protocol: a model, losses, how records become tensors, what counts.

The engine promises a recipe nothing about which records come together, and believes nothing that it
says about privacy: a self-test on the recipe's own mock decides whether it may run. A recipe
promises that the loss and the tally of a record depend on that record's unit and the model alone.
Which unit that is the engine writes into each batch: `unit`, [records], where the rows of a unit
stand together and all units have equally many; and `weight`, [records], 0 for a row that only
fills its unit up.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from torch import Tensor, nn

from securefed.domain.identifiers import Name
from securefed.domain.site import ColumnType
from securefed.recipes.records import Records
from securefed.recipes.settings import Settings

# The first dimension of each tensor is the record.
Batch: TypeAlias = Mapping[str, Tensor]
# The model, or what the engine wraps around it; it is called in the same way.
Forward: TypeAlias = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Needed:
    """A column that a recipe reads, and the types that it can have there."""

    name: str
    types: frozenset[ColumnType]


class Recipe(Protocol):
    """One kind of training, with its settings."""

    @property
    def family(self) -> Name:
        """The model's family, as a policy and a reviewer know it."""
        ...

    @property
    def settings(self) -> Settings:
        """How it is trained."""
        ...

    @property
    def kept(self) -> frozenset[str]:
        """Names of parameters that never leave the site, as a recommender's table of users."""
        ...

    def needs(self) -> tuple[Needed, ...]:
        """The columns that it reads; a dataset without them is refused before it is opened."""
        ...

    def model(self) -> nn.Module:
        """A new model with its first weights, which are public; the same ones every time."""
        ...

    def collate(self, records: Records) -> Batch:
        """Records as tensors. Raises DataUnreadable for a value that has no place in them."""
        ...

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        """One loss a record, [records]."""
        ...

    def tallies(self, model: Forward, batch: Batch) -> Tensor:
        """What each record adds to the metrics, [records, numbers]; of L2 norm one at most."""
        ...

    def metrics(self, tally: Tensor) -> Mapping[str, float]:
        """The metrics of a sum of tallies, noised or not. NaN where there is nothing to tell."""
        ...

    def mock(self, records: int, seed: int, folder: Path) -> Records:
        """Made-up records of the same shape as real ones; any files of theirs lie in the folder."""
        ...
