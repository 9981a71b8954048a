"""Plans that were shown, one canonical file each, named by digest.

A plan that cannot be read, or whose bytes no longer have their digest, counts as never shown: the
shelf only explains a stale approval, it decides nothing.
"""

import os
from pathlib import Path

from securefed.domain.identifiers import Digest
from securefed.domain.plan import ReviewPlan
from securefed.domain.records import from_bytes, to_bytes
from securefed.errors import IntegrityError, StorageFailed


class FolderShelf:
    """The shelf in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, plan: ReviewPlan) -> None:
        """Writes a plan; the same plan twice is one file."""
        path = self._path(plan.digest)
        draft = path.with_suffix(f".{os.getpid()}.part")
        try:
            draft.write_bytes(to_bytes(plan))
            draft.replace(path)
        except OSError as error:
            raise StorageFailed(
                f"The plan cannot be kept: {error.strerror}", where=str(path)
            ) from error

    def find(self, digest: Digest) -> ReviewPlan | None:
        """Reads a plan back, if its bytes still have the digest."""
        try:
            plan = from_bytes(ReviewPlan, self._path(digest).read_bytes())
        except (OSError, IntegrityError):
            return None
        return plan if plan.digest == digest else None

    def _path(self, digest: Digest) -> Path:
        return self._folder / f"{digest.removeprefix('sha256:')}.json"
