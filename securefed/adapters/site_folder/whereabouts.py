"""Which files a dataset is, by its name. A path never comes from a request, only from here."""

from dataclasses import dataclass
from pathlib import Path

from securefed.domain.records import from_bytes, to_bytes
from securefed.errors import NotFound, StorageFailed


@dataclass(frozen=True, kw_only=True)
class Whereabouts:
    """The private file of a dataset and its synthetic mock, as absolute paths."""

    data: str
    mock: str


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
