"""Where everything of a study's run lies on the disk of whoever runs it, and its small records.

Promises that a record is whole or not there, that only the account can read the folder, and that
looking changes nothing, so another process can look while the study runs. Rounds and models are
kept by `update_files`, whose lock also keeps a second run away.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from securefed.domain.identifiers import SiteId
from securefed.domain.records import Record, from_bytes, to_bytes
from securefed.domain.request import SignedRequest
from securefed.domain.run_order import METRICS, NoisyMetrics
from securefed.domain.study import Study
from securefed.errors import NotCanonical, StorageFailed
from securefed.recipes.layout import Layout

_LARGEST = 4_000_000
_STATE = re.compile(r"state\.([0-9]+)", re.ASCII)
R = TypeVar("R", bound=Record)


@dataclass(frozen=True, kw_only=True)
class Began:
    """What a run began with, so that it goes on by the same, and a model can be read by its end."""

    kind: ClassVar[str] = "study-run"
    study: Study
    layout: Layout


class RunFolder:
    """The paths of a run, and what is in its small files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.models = root / "models"
        self.passing = root / "passing"
        self.model = root / "model"
        self.log = root / "log.jsonl"
        self.checkpoints = root / "checkpoints"
        self._stop = root / "stop"

    def rounds(self, number: int) -> Path:
        """The files of one round."""
        return self.root / "rounds" / str(number)

    def make(self) -> None:
        """Makes the folder, for this account alone."""
        with _storing(self.root):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def emptied_passing(self) -> Path:
        """The folder of files on their way, with nothing left in it."""
        with _storing(self.passing):
            shutil.rmtree(self.passing, ignore_errors=True)
            self.passing.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.passing

    @property
    def asked_to_stop(self) -> bool:
        """Whether somebody wants the run to end."""
        return self._stop.exists()

    def ask_to_stop(self) -> None:
        """Says that the run should end."""
        with _storing(self._stop):
            self._stop.touch(mode=0o600)

    def forget_stop(self) -> None:
        """Removes what was said to an earlier run."""
        with _storing(self._stop):
            self._stop.unlink(missing_ok=True)

    @property
    def finished(self) -> int:
        """The last round whose model is here."""
        try:
            found = [_STATE.fullmatch(one.name) for one in self.models.iterdir()]
        except OSError:
            return 0
        return max((int(one[1]) for one in found if one), default=0)

    def request(self, site: SiteId) -> SignedRequest | None:
        """What was filed at a site."""
        return _read(SignedRequest, self._request(site))

    def keep_request(self, signed: SignedRequest) -> None:
        """Remembers what is filed, so that filing it again is the same request."""
        _write(self._request(signed.request.site), signed)

    @property
    def began(self) -> Began | None:
        """What the run began with, if it has begun."""
        return _read(Began, self.root / "run.json")

    def keep_began(self, began: Began) -> None:
        """Fixes what the run is."""
        _write(self.root / "run.json", began)

    def metrics(self, number: int, site: SiteId) -> NoisyMetrics | None:
        """What a site measured in a round."""
        return _read(NoisyMetrics, self.rounds(number) / f"{site}.metrics", newline=False)

    def summed(self, number: int) -> NoisyMetrics | None:
        """What all sites measured together in a round."""
        return _read(NoisyMetrics, self.rounds(number) / METRICS, newline=False)

    def _request(self, site: SiteId) -> Path:
        return self.root / "requests" / f"{site}.request.json"


def _read(wanted: type[R], path: Path, *, newline: bool = True) -> R | None:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageFailed(f"Cannot read: {error.strerror}", where=str(path)) from error
    if len(data) > _LARGEST:
        raise NotCanonical(f"The file is larger than {_LARGEST:,} bytes", where=str(path))
    return from_bytes(wanted, data.removesuffix(b"\n") if newline else data)


def _write(path: Path, record: Record) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    with _storing(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with draft.open("wb") as file:
            file.write(to_bytes(record) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)


@contextmanager
def _storing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(path)) from error
