"""Before a round: the dataset's file is the one that the approved card describes, or nothing runs.

The card is the plan's, so that data which were registered anew since the approval are another
dataset to it. What may be read without reading all of the file again is the watch's business.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from securefed.domain.identifiers import DatasetId
from securefed.domain.site import DataCard
from securefed.ports import DataWatch


@dataclass(frozen=True, kw_only=True)
class DataPlaces:
    """Where a dataset lies: its private file, the folders of files that it names, its mock."""

    data: Path
    mock: Path
    folders: tuple[Path, ...] = ()


FindPlaces = Callable[[DatasetId], DataPlaces]


def check_data(card: DataCard, find: FindPlaces, watch: DataWatch) -> None:
    """Raises DataDrifted, or why the file cannot be found or read."""
    watch.expect(card, find(card.dataset).data)
