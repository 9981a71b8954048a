"""The public records of private fusion: found by their digest, and answered with classes.

Promises the records that every side of the study has, or none, and that a recipe reads them exactly
as it reads a site's own: the same columns, of the same types. They are nobody's secret.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from securefed.domain.fusion import Fusion
from securefed.domain.identifiers import Line
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, ColumnType
from securefed.errors import AssetMismatch, ConfigInvalid, NotFound
from securefed.recipes.files.opening import open_source
from securefed.recipes.fit import check_fit
from securefed.recipes.recipe import Recipe
from securefed.recipes.records import Cell, Records

ONE_EACH = PrivacyUnit(column=None, bound=1)


def public_columns(fusion: Fusion) -> tuple[Column, ...]:
    """The columns as a source has them, the class among them."""
    return tuple(
        Column(name=one.name, type=one.type, meaning=Line("Public")) for one in fusion.columns
    )


def public_records(fusion: Fusion, assets: Path | None) -> Records:
    """All public records, without a class."""
    if assets is None:
        raise NotFound(
            f"The public records {fusion.queries} are in no folder",
            hint="Put the file into the folder of assets: --assets here, [runner] at a site.",
        )
    columns = tuple(one for one in public_columns(fusion) if one.name != fusion.target)
    with open_source(assets / fusion.queries, columns, ONE_EACH) as source:
        if source.digest != fusion.digest:
            raise AssetMismatch(
                f"The public records {fusion.queries} are not those of the study",
                hint=f'Write digest = "{source.digest}" under [fusion] where they are.',
            )
        if source.records != fusion.records:
            raise ConfigInvalid(
                f"The public records {fusion.queries} are {source.records}",
                hint=f"Write records = {source.records} under [fusion].",
            )
        return source.take(np.arange(source.records, dtype=np.int64))


def answered(records: Records, fusion: Fusion, classes: Sequence[int]) -> Records:
    """The records, each with the class of this number."""
    cells = [_cell(fusion, one) for one in range(len(fusion.classes))]
    column = [cells[one] for one in classes]
    return Records(columns={**records.columns, fusion.target: column}, folder=records.folder)


def check_voting(recipe: Recipe, fusion: Fusion, records: Records) -> None:
    """Refuses a recipe that would read the public records otherwise, or answer with other classes;
    said of public records, and before a private one is read."""
    check_fit(recipe, public_columns(fusion))
    read = {str(one.name) for one in recipe.needs()}
    if odd := sorted(str(one.name) for one in fusion.columns if one.name not in read):
        raise ConfigInvalid(f"The recipe does not read the public records' column {odd[0]!r}")
    if recipe.kept or getattr(recipe.settings, "class_weights", None):
        raise ConfigInvalid(
            "Teachers vote by the least loss: classes have no weights, and nothing is kept",
            hint="Leave class_weights out of [recipe.parameters].",
        )
    for one in range(len(fusion.classes)):
        recipe.collate(answered(records.picked([0]), fusion, [one]))


def check_same_columns(fusion: Fusion, columns: Sequence[Column]) -> None:
    """Refuses a dataset that holds a column as another type than the public records do."""
    types = {one.name: one.type for one in columns}
    for one in fusion.columns:
        if types.get(one.name, one.type) is not one.type:
            raise ConfigInvalid(
                f"The dataset's column {one.name!r} is {types[one.name]}, and the public records' "
                f"is {one.type}"
            )


def _cell(fusion: Fusion, number: int) -> Cell:
    text = str(fusion.classes[number])
    if fusion.target_type is ColumnType.BOOLEAN:
        return text == "true"
    return int(text) if fusion.target_type is ColumnType.INTEGER else text
