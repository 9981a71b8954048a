"""Where a site's things lie: one folder, readable by its owner alone.

    site.toml        what the site is called, and how its machine serves it
    ledger.db        the ledger
    kept.checkpoint  the newest checkpoint that the ledger must contain, if one is kept
    seen/            the newest checkpoints of others that the site signed, by key
    keys/            private keys, each 0600
    data/            for each dataset, where its private file and its mock lie
    plans/           the review plans that were shown, by digest
    figures/         losses that were computed, by what they depend on
    datasite/        PySyft's state, which mirrors the ledger
    blobs/           updates and weights on their way
    runs/            a scratch folder for each run, removed after it
    logs/            what each run said, which may hold private values
    kept/            what studies keep at the site between rounds
    tls/             the certificate by the site's own CA
    serving.json     where the site listens, while it is served

Nothing here reads or writes the contents; it makes the folders and names the paths.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from securefed.domain.identifiers import AccountId, DatasetId, RequestId
from securefed.errors import AlreadyExists, NotFound, StorageFailed

_FOLDERS = ("plans", "figures", "datasite", "blobs", "runs", "logs", "kept", "tls", "seen")
_NOT_HIDDEN = {"runs"}


@dataclass(frozen=True)
class SiteFolder:
    """The paths of one site."""

    root: Path

    @property
    def settings(self) -> Path:
        """The site's configuration."""
        return self.root / "site.toml"

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.root / "ledger.db"

    @property
    def kept_checkpoint(self) -> Path:
        """The checkpoint that the ledger is held against."""
        return self.root / "kept.checkpoint"

    @property
    def seen(self) -> Path:
        """What the site signed of others' ledgers."""
        return self.root / "seen"

    @property
    def plans(self) -> Path:
        """Where plans are kept."""
        return self.root / "plans"

    @property
    def figures(self) -> Path:
        """Where computed losses are kept."""
        return self.root / "figures"

    @property
    def datasite(self) -> Path:
        """PySyft's state; whoever serves the site holds this folder's lock."""
        return self.root / "datasite"

    @property
    def blobs(self) -> Path:
        """Where updates and weights lie on their way."""
        return self.root / "blobs"

    @property
    def runs(self) -> Path:
        """Where runs have their scratch folders."""
        return self.root / "runs"

    @property
    def logs(self) -> Path:
        """What runs said."""
        return self.root / "logs"

    @property
    def kept(self) -> Path:
        """What studies keep at the site."""
        return self.root / "kept"

    def kept_of(self, request: RequestId) -> Path:
        """What one study's models keep."""
        return self.kept / f"{request}.kept"

    def control_of(self, request: RequestId) -> Path:
        """The site's own control variate in one study."""
        return self.kept / f"{request}.control"

    def all_kept_of(self, request: RequestId) -> tuple[Path, ...]:
        """All that one study keeps."""
        return self.kept_of(request), self.control_of(request)

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        """An empty folder for one attempt; what an attempt keeps can be moved out of it at once."""
        with tempfile.TemporaryDirectory(dir=self.kept) as name:
            yield Path(name)

    def forget_kept(self, wanted: Callable[[RequestId], bool]) -> None:
        """Removes what studies keep that are not wanted any more."""
        for path in (*self.kept.glob("*.kept"), *self.kept.glob("*.control")):
            if not wanted(RequestId(path.stem)):
                with _removing(path):
                    path.unlink(missing_ok=True)

    def sweep_kept(self) -> None:
        """Removes the folders that attempts worked in when the site was killed."""
        for path in self.kept.iterdir():
            if path.is_dir():
                with _removing(path):
                    shutil.rmtree(path)

    @property
    def tls(self) -> Path:
        """The certificate by the site's own CA."""
        return self.root / "tls"

    @property
    def serving(self) -> Path:
        """Where it is noted where the site listens."""
        return self.root / "serving.json"

    @property
    def private(self) -> tuple[str, ...]:
        """What no run may see, as absolute paths without links: all that is not a run's own.

        The private data is not named, since it lies where its owner has it."""
        root = self.root.resolve()
        names = ("site.toml", "ledger.db", "kept.checkpoint", "keys", *_FOLDERS, "serving.json")
        return tuple(str(root / name) for name in names if name not in _NOT_HIDDEN)

    @property
    def site_key(self) -> Path:
        """The key that signs the ledger."""
        return self.root / "keys" / "_site.key"

    def account_key(self, account: AccountId) -> Path:
        """The key of an account, where the site keeps it. No account can be called `_site`."""
        return self.root / "keys" / f"{account}.key"

    def whereabouts(self, dataset: DatasetId) -> Path:
        """Where it is written down which files a dataset is."""
        return self.root / "data" / f"{dataset}.json"

    @contextmanager
    def created(self) -> Iterator[None]:
        """Makes the folders; if what then happens in them fails, they are gone again."""
        had = self.root.exists()
        self.create()
        try:
            yield
        except BaseException:
            self._remove(had)
            raise

    def create(self) -> None:
        """Makes the folders; refuses one that has a site already, or anything else."""
        try:
            if self.root.exists() and any(self.root.iterdir()):
                raise AlreadyExists("The folder is not empty", where=str(self.root))
            for folder in (self.root, *(self.root / name for name in ("keys", "data", *_FOLDERS))):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
        except OSError as error:
            raise StorageFailed(
                f"The folder cannot be made: {error.strerror}", where=str(self.root)
            ) from error

    def _remove(self, root_stays: bool) -> None:
        """Removes what was made in a folder that had been empty or not there."""
        if not root_stays:
            shutil.rmtree(self.root)
            return
        for path in self.root.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def existing(self) -> "SiteFolder":
        """The folder, if there is a site in it."""
        if not (self.settings.is_file() and self.ledger.is_file()):
            raise NotFound(
                "There is no site in this folder",
                where=str(self.root),
                hint="Name the folder with --site, or make one with 'securefed site init'.",
            )
        return self


@contextmanager
def _removing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(f"Cannot remove: {error.strerror}", where=str(path)) from error
