"""Private fusion, as a study states it: who votes on which public records, and what a vote moves.

Each site splits its units over teachers, which never leave it, and releases how many teachers vote
for which class on each public record, with Gaussian noise: one step over all units. Promises that a
stated step is noised for the votes of one teacher, which is what one unit can change: two votes a
record at most, one taken and one given, so √(2·records) in L2 (docs/adr/0020). Everything that is
made of noised votes, labels and a student's weights among it, is post-processing.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from typing import Final

from securefed.domain.identifiers import Digest, Line, Name
from securefed.domain.numbers import count
from securefed.domain.privacy import DpSgd
from securefed.domain.site import ColumnType
from securefed.errors import ConfigInvalid

# What a study of votes states as its model's family: an update is a count for each answer.
VOTES: Final = Name("votes")
# Those whose loss says, for a record and a class, how unlikely the class is.
VOTING_RECIPES: Final = ("images", "own-code", "tabular", "text")
_CLASS_TYPES: Final = (ColumnType.BOOLEAN, ColumnType.CATEGORY, ColumnType.INTEGER)
_MOST: Final = 1_000_000
# Of the noise: what is cut off beyond the reach, and how fine a sealed value must be.
_TAIL, _FINE = 6, Decimal("0.25")
_GRAIN: Final = Decimal("0.0001")


@dataclass(frozen=True, kw_only=True)
class PublicColumn:
    """A column of the public records; the sites' own records have it, too."""

    name: Line
    type: ColumnType


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """The votes that a study asks for. `queries` is the file of public records in the folder of
    assets, and lacks the target; `columns` are those of the recipe, in the file's order, and the
    target."""

    teachers: int
    epochs: int
    batch: int
    target: Line
    classes: tuple[Line, ...]
    queries: Line
    digest: Digest
    records: int
    columns: tuple[PublicColumn, ...]

    def __post_init__(self) -> None:
        count("teachers", self.teachers, least=2, most=10_000)
        count("epochs", self.epochs, most=10_000)
        count("batch", self.batch, most=_MOST)
        count("public records", self.records, least=2, most=_MOST)
        if len(set(self.classes)) != len(self.classes) or len(self.classes) < 2:
            raise ConfigInvalid("Teachers vote for one of two classes or more, each named once")
        if self.target_type not in _CLASS_TYPES:
            raise ConfigInvalid(
                f"The column {self.target!r} of the class is {self.target_type}",
                hint=f"A class is {', '.join(_CLASS_TYPES)}.",
            )
        if "/" in self.queries or self.queries.startswith("."):
            raise ConfigInvalid("The public records are a file in the folder of assets itself")
        if self.target_type is ColumnType.INTEGER and not all(map(_is_whole, self.classes)):
            raise ConfigInvalid("The column of the class holds integers, and a class is none")
        if self.target_type is ColumnType.BOOLEAN and set(self.classes) != {"false", "true"}:
            raise ConfigInvalid("The column of the class is boolean: classes are true and false")
        if len({one.name for one in self.columns}) != len(self.columns):
            raise ConfigInvalid("The public records' columns stand once each")

    @property
    def target_type(self) -> ColumnType:
        """What the column of the class holds."""
        for one in self.columns:
            if one.name == self.target:
                return one.type
        raise ConfigInvalid(f"The columns lack {self.target!r}, the class")

    @property
    def answers(self) -> int:
        """How many numbers a site releases."""
        return self.records * len(self.classes)

    @property
    def least_clip(self) -> Decimal:
        """√(2·records), rounded up to what people type."""
        return Decimal(2 * self.records).sqrt().quantize(_GRAIN, ROUND_CEILING).normalize()

    def check_step(self, training: DpSgd) -> None:
        """Refuses a step that is not one Gaussian release of all units' votes."""
        if training.sampling_rate != 1 or training.steps != 1:
            raise ConfigInvalid(
                "Votes are one step over all units",
                hint="Write sampling_rate = 1 and steps = 1.",
            )
        # Exactly: a clip that is too small by its last digit would be too little noise.
        if Fraction(training.clip) ** 2 < 2 * self.records:
            raise ConfigInvalid(
                f"One unit moves the votes on {self.records} records by more than {training.clip}",
                hint=f"Write clip = {self.least_clip:f} or more.",
            )

    def check_model(self, recipe: Name, family: Name, parameters: int) -> None:
        """Refuses a recipe that does not vote, and a model that is not the votes."""
        if recipe not in VOTING_RECIPES:
            raise ConfigInvalid(
                f"No class is voted for by the recipe {recipe}",
                hint=f"These do: {', '.join(VOTING_RECIPES)}.",
            )
        if (family, parameters) != (VOTES, self.answers):
            raise ConfigInvalid(
                f"Counts of votes are sent, {self.answers} for {self.records} records with "
                f"{len(self.classes)} classes",
                hint=f'Write family = "{VOTES}" and parameters = {self.answers}.',
            )

    def check_grid(
        self, trainings: tuple[DpSgd, ...], *, bits: int, reach: Decimal, bound: Decimal
    ) -> None:
        """Refuses a seal that would cut votes off, or round them away. Neither costs privacy."""
        noises = [one.noise_multiplier * one.clip for one in trainings]
        wanted = (self.teachers + _TAIL * max(noises)).to_integral_value(ROUND_CEILING)
        least = (max(reach, wanted) * Decimal(self.answers).sqrt()).to_integral_value(ROUND_CEILING)
        if reach < wanted or bound < least:
            raise ConfigInvalid(
                f"Noised votes of {self.teachers} teachers do not fit: ±{reach:f}, L2 {bound:f}",
                hint=f"Write reach = {max(reach, wanted):f} and update_bound = {least:f}, or more.",
            )
        if reach / ((1 << (bits - 1)) - 1) > _FINE * min(noises):
            raise ConfigInvalid(
                f"Sealed values of {bits} bits within ±{reach:f} are coarser than the noise",
                hint="Write more bits, or a smaller reach.",
            )


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and str(int(text)) == text
