"""Which files a dataset is, by its name. A path never comes from a request, only from here.

A mock that the site made up lies beside what is written down, one for each version of the card, so
that a registration that fails leaves the mock of the card in force alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from securefed.domain.records import from_bytes, to_bytes
from securefed.errors import NotFound, StorageFailed

_MADE_UP = ".mock.csv"


@dataclass(frozen=True, kw_only=True)
class Whereabouts:
    """The private file of a dataset, its synthetic mock, and the folders of the files that an
    index names, as absolute paths."""

    data: str
    mock: str
    folders: tuple[str, ...] = ()

    @property
    def readable(self) -> tuple[str, ...]:
        """What a run reads: never the mock."""
        return (self.data, *self.folders)


def whereabouts_of(data: Path, mock: Path, folders: tuple[Path, ...]) -> Whereabouts:
    """Where these paths really lead, which is all that a run will see."""
    return Whereabouts(
        data=str(data.resolve()),
        mock=str(mock.resolve()),
        folders=tuple(str(folder.resolve()) for folder in folders),
    )


def note_whereabouts(path: Path, whereabouts: Whereabouts) -> None:
    """Writes down where a dataset lies, in one step."""
    draft = path.with_suffix(".part")
    try:
        draft.write_bytes(to_bytes(whereabouts))
        draft.replace(path)
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(path)) from error


def find_whereabouts(path: Path) -> Whereabouts:
    """Where a dataset lies."""
    try:
        return from_bytes(Whereabouts, path.read_bytes())
    except FileNotFoundError:
        raise NotFound("It is not written down where this dataset lies", where=str(path)) from None
    except OSError as error:
        raise StorageFailed(f"Cannot read: {error.strerror}", where=str(path)) from error


def keep_mock(path: Path, version: int, text: str) -> Path:
    """Writes a mock that was made up for a version; `path` is where whereabouts are noted."""
    mock = path.with_name(f"{path.stem}.{version}{_MADE_UP}")
    try:
        mock.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(mock)) from error
    return mock


def forget_whereabouts(path: Path, kept: Iterable[Path]) -> None:
    """Removes what studies kept of a dataset, its made-up mocks, and what is written down. The
    files that it leads to are left alone."""
    try:
        for one in (*kept, *path.parent.glob(f"{path.stem}.*{_MADE_UP}"), path):
            one.unlink(missing_ok=True)
    except OSError as error:
        raise StorageFailed(f"Cannot remove: {error.strerror}", where=str(path)) from error
