"""Where published files come from, and whether those in a folder are the ones that were meant.

Promises that no file is used whose SHA-256 is not the pinned one. A pinned folder holds exactly the
files that it held when its digest was taken. Nothing is fetched: an error says what to get, where,
and under which licence.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from securefed.errors import AssetMismatch, NotFound, StorageFailed


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Published files: what they are, where they are from, their licence, and their SHA-256.

    `folder` is what the folder is called among others. Of a folder in `files` the digest is over
    its files' names and digests."""

    title: str
    folder: str
    source: str
    licence: str
    files: Mapping[str, str]

    def checked(self, given: Path | None) -> Path:
        """The folder with the files, which is the given one or lies in it; refused otherwise."""
        if given is None:
            raise NotFound(f"{self.title} do not come with securefed", hint=self._how)
        inner = given / self.folder
        found = inner if inner.is_dir() else given
        for name, pinned in self.files.items():
            self._check(found / name, pinned)
        return found

    def _check(self, path: Path, pinned: str) -> None:
        if not path.exists():
            raise NotFound(
                f"{self.title}: there is no {path.name}", where=str(path.parent), hint=self._how
            )
        digest = _digest(path)
        if digest != pinned:
            raise AssetMismatch(
                f"{self.title}: another file, its SHA-256 is {digest} and not {pinned}",
                where=str(path),
                hint=self._how,
            )

    @property
    def _how(self) -> str:
        names = ", ".join(self.files)
        return (
            f"Get {names} from {self.source} (licence: {self.licence}), "
            "and name their folder with --data."
        )


def _digest(path: Path) -> str:
    try:
        if not path.is_dir():
            return _sha256(path)
        inner = sorted(one for one in path.rglob("*") if one.is_file())
        lines = [f"{one.relative_to(path).as_posix()} {_sha256(one)}\n" for one in inner]
    except OSError as error:
        raise StorageFailed(f"Cannot read: {error.strerror}", where=str(path)) from error
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
