"""Losses that were computed before, one small file each, so that a plan appears at once.

A file is named by everything that the figure depends on: the mechanisms, δ, and the edition of the
code and libraries that computed it. One that cannot be read counts as not there. Whoever can write
here holds the site's key as well, so nothing is signed; an auditor computes every figure anew.
"""

import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from securefed.domain.canonical import digest_of, to_canonical
from securefed.domain.identifiers import Digest
from securefed.domain.privacy import Mechanism, PrivacyLoss, gathered
from securefed.domain.records import from_bytes, to_bytes, to_plain
from securefed.errors import IntegrityError, StorageFailed
from securefed.ports import Accountant


class KeptFigures:
    """An accountant that asks another one for each loss once."""

    def __init__(self, folder: Path, inner: Accountant, edition: Callable[[], Digest]) -> None:
        self._folder = folder
        self._inner = inner
        self._edition = edition

    def loss(self, mechanisms: tuple[Mechanism, ...], delta: Decimal) -> PrivacyLoss:
        """The loss, from its file or computed and kept."""
        path = self._path(gathered(mechanisms), delta)
        try:
            return from_bytes(PrivacyLoss, path.read_bytes())
        except (OSError, IntegrityError):
            found = self._inner.loss(mechanisms, delta)
        draft = path.with_suffix(f".{os.getpid()}.part")
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            draft.write_bytes(to_bytes(found))
            draft.replace(path)
        except OSError as error:
            raise StorageFailed(f"Cannot write: {error.strerror}", where=str(path)) from error
        return found

    def profile(
        self, mechanisms: tuple[Mechanism, ...], epsilons: tuple[Decimal, ...]
    ) -> tuple[Decimal, ...]:
        """The other accountant's."""
        return self._inner.profile(mechanisms, epsilons)

    def divergence(self, mechanisms: tuple[Mechanism, ...], order: int) -> Decimal:
        """The other accountant's."""
        return self._inner.divergence(mechanisms, order)

    def _path(self, mechanisms: tuple[Mechanism, ...], delta: Decimal) -> Path:
        about = to_canonical(
            {
                "delta": to_plain(delta),
                "edition": self._edition(),
                "mechanisms": to_plain(mechanisms),
            }
        )
        name = digest_of("figure", about).removeprefix("sha256:")
        return self._folder / f"{name}.json"
