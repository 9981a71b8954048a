"""What can be set about a recommender.

The defaults were chosen on MovieLens latest-small; benchmarks/recommender.py has the figures. The
range of ratings, their mean and the number of items are public: they are never taken from the data.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from securefed.recipes.settings import Settings


class RecommenderSettings(Settings):
    """What a recommender is made of, and how it is trained."""

    learning_rate: float = Field(default=0.6, gt=0, le=1000, description="The size of a step.")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Momentum; for sgd only.")
    average: bool = Field(
        default=True,
        description="Whether the update is the mean of the weights after each step of the round, "
        "in place of those after the last: less noise at no cost.",
    )
    physical_batch: int = Field(
        default=16384, ge=1, le=1_000_000, description="How many records are in memory at a time."
    )
    model: Literal["factorisation", "neural", "two-tower"] = Field(
        default="factorisation",
        description="How a user and an item become a rating: a dot product, a small network that "
        "sees both, or a dot product after a layer for each. All add a bias for each.",
    )
    users: Literal["table", "records"] = Field(
        default="table",
        description="Where a user's row comes from: a table of users, which never leaves the site, "
        "or the user's own records at hand, so that there is no table. Protection of whole users "
        "needs the second, and a dataset whose privacy unit is the user.",
    )
    user_column: str = Field(
        default="user", min_length=1, description="The users' column; read for a table only."
    )
    item_column: str = Field(default="item", min_length=1, description="The items' column.")
    rating_column: str = Field(default="rating", min_length=1, description="The ratings' column.")
    catalogue: str = Field(
        default="",
        description="A public file among the site's assets with an item's id on each line. "
        "Without one, items are numbered from zero.",
    )
    catalogue_sha256: str = Field(
        default="",
        pattern="^(sha256:[0-9a-f]{64})?$",
        description="The SHA-256 of the catalogue, as sha256: and 64 digits.",
    )
    items: int = Field(
        default=0,
        ge=0,
        le=10_000_000,
        description="How many items there are, where no catalogue says so.",
    )
    user_rows: int = Field(
        default=65536,
        ge=1,
        le=10_000_000,
        description="How many rows the table of users has. Users find their row by a hash: one of "
        "n users shares it with another by a chance of about n / rows.",
    )
    lowest: float = Field(default=1.0, description="The lowest rating there can be.")
    highest: float = Field(default=5.0, description="The highest rating there can be.")
    mean: float | None = Field(
        default=None,
        description="About how high ratings are, as is known in public; without it the middle.",
    )
    width: int = Field(
        default=4,
        ge=0,
        le=1024,
        description="How many numbers a user and an item have beside their bias. With zero, a "
        "factorisation is biases alone, which small budgets and few users favour.",
    )
    hidden: int = Field(default=16, ge=1, le=4096, description="How wide a hidden layer is.")
    first_weights: float = Field(
        default=0.1,
        gt=0,
        le=10,
        description="How large the numbers beside the biases are at first.",
    )
    table_scale: float = Field(
        default=10.0,
        gt=0,
        le=1000,
        description="By how much rows of tables are multiplied when they are read. A row has few "
        "records and a layer has all: this lets one learning rate fit both.",
    )
    bias_penalty: float = Field(
        default=2.0,
        gt=0,
        le=1e6,
        description="How many ratings at the mean a user's own are joined by, for users=records.",
    )
    width_penalty: float = Field(
        default=5.0,
        gt=0,
        le=1e6,
        description="The weight of the squares of a user's numbers when they are fitted to the "
        "user's own ratings; for a factorisation with users=records.",
    )

    @property
    def centre(self) -> float:
        """What ratings are measured from."""
        return (self.lowest + self.highest) / 2 if self.mean is None else self.mean

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if not self.lowest < self.highest:
            raise ValueError("lowest must be below highest")
        if not self.lowest <= self.centre <= self.highest:
            raise ValueError("mean must lie between lowest and highest")
        if bool(self.items) == bool(self.catalogue):
            raise ValueError("either items or a catalogue must be given")
        if bool(self.catalogue) != bool(self.catalogue_sha256):
            raise ValueError("a catalogue is pinned by its catalogue_sha256")
        if self.model != "factorisation" and not self.width:
            raise ValueError("only a factorisation can have a width of zero")
        return self
