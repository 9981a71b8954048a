"""Several targets from one table: layers that all share, and a head for each.

All targets of a record are clipped together, so that several cost no more than one. A record
without a value of a target teaches nothing about that target.
"""

from pathlib import Path
from typing import Final

from securefed.recipes.multi_task.recipe import MultiTask
from securefed.recipes.multi_task.settings import MultiTaskSettings

NAME: Final = "multi-task"
VERSION: Final = "1.0.0"
SETTINGS: Final = MultiTaskSettings


def make(settings: MultiTaskSettings, assets: Path | None) -> MultiTask:  # noqa: ARG001 - no files
    """The recipe; it uses no public files."""
    return MultiTask(settings)


__all__ = ["NAME", "SETTINGS", "VERSION", "MultiTask", "MultiTaskSettings", "make"]
