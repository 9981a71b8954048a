"""Where a site's things lie: one folder, readable by its owner alone.

    site.toml        name and title
    ledger.db        the ledger
    kept.checkpoint  the newest checkpoint that the ledger must contain, if one is kept
    keys/            private keys, each 0600
    data/            for each dataset, where its private file and its mock lie
    plans/           the review plans that were shown, by digest
    figures/         losses that were computed, by what they depend on

Nothing here reads or writes the contents; it makes the folders and names the paths.
"""

from dataclasses import dataclass
from pathlib import Path

from securefed.domain.identifiers import AccountId, DatasetId
from securefed.errors import AlreadyExists, NotFound, StorageFailed


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
    def plans(self) -> Path:
        """Where plans are kept."""
        return self.root / "plans"

    @property
    def figures(self) -> Path:
        """Where computed losses are kept."""
        return self.root / "figures"

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

    def create(self) -> None:
        """Makes the folders; refuses one that has a site already, or anything else."""
        try:
            if self.root.exists() and any(self.root.iterdir()):
                raise AlreadyExists("The folder is not empty", where=str(self.root))
            for folder in (self.root, self.root / "keys", self.root / "data", self.plans):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
        except OSError as error:
            raise StorageFailed(
                f"The folder cannot be made: {error.strerror}", where=str(self.root)
            ) from error

    def existing(self) -> "SiteFolder":
        """The folder, if there is a site in it."""
        if not (self.settings.is_file() and self.ledger.is_file()):
            raise NotFound(
                "There is no site in this folder",
                where=str(self.root),
                hint="Name the folder with --site, or make one with 'securefed site init'.",
            )
        return self
