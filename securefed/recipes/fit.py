"""Whether a recipe and a dataset's columns fit together, said before any record is read."""

from collections.abc import Sequence

from securefed.domain.site import Column
from securefed.errors import ConfigInvalid
from securefed.recipes.recipe import Recipe


def check_fit(recipe: Recipe, columns: Sequence[Column]) -> None:
    """Raises ConfigInvalid for the first column that the recipe reads and the dataset lacks, or
    holds as another type. Columns that it does not read do not matter."""
    there = {str(column.name): column.type for column in columns}
    for need in recipe.needs():
        if need.name not in there:
            raise ConfigInvalid(
                f"The recipe reads a column {need.name!r}, which the dataset does not have",
                where="recipe.parameters",
                hint=f"The dataset's columns are: {', '.join(there)}.",
            )
        if there[need.name] not in need.types:
            wanted = " or ".join(sorted(need.types))
            raise ConfigInvalid(
                f"The recipe reads the column {need.name!r} as {wanted}, and it is "
                f"{there[need.name]}",
                where="recipe.parameters",
                hint="Choose another column, or correct its type on the data card.",
            )
