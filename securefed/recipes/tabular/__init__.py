"""Tables: numbers, categories and truths in, one class or number out.

Ranges and categories are stated in the study, since measuring them would cost privacy budget. A
column that the study does not name is not read; every record needs a value of the target.
"""

from pathlib import Path
from typing import Final

from securefed.recipes.tabular.recipe import Tabular
from securefed.recipes.tabular.settings import TabularSettings

NAME: Final = "tabular"
VERSION: Final = "1.0.0"
SETTINGS: Final = TabularSettings


def make(settings: TabularSettings, assets: Path | None) -> Tabular:  # noqa: ARG001 - no files
    """The recipe; it uses no public files."""
    return Tabular(settings)


__all__ = ["NAME", "SETTINGS", "VERSION", "Tabular", "TabularSettings", "make"]
