"""Where a custodian's things lie: one folder, readable by its owner alone.

    log.db               its log
    kept.checkpoint      the newest head of the log, which it must contain from then on
    cosigned.checkpoint  the newest head of the log that others signed, too
    seen/                the newest checkpoints of others that it signed, by key
    custodian.key        the key that signs the log, key cards and answers, 0600
    keys/                the studies' secret keys, each 0600; nothing else ever reads them
    published/           the studies' public lattice keys
    passing/             files without names, while a request is answered

Nothing here reads or writes the contents. A folder that others may enter is refused.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from securefed.errors import AlreadyExists, KeyUnsafe, NotFound, StorageFailed


@dataclass(frozen=True)
class CustodianFolder:
    """The paths of one custodian."""

    root: Path

    @property
    def log(self) -> Path:
        """The log's file."""
        return self.root / "log.db"

    @property
    def kept_checkpoint(self) -> Path:
        """The checkpoint that the log is held against."""
        return self.root / "kept.checkpoint"

    @property
    def cosigned(self) -> Path:
        """The newest head that others signed, too."""
        return self.root / "cosigned.checkpoint"

    @property
    def seen(self) -> Path:
        """What the custodian signed of others' ledgers."""
        return self.root / "seen"

    @property
    def own_key(self) -> Path:
        """The custodian's signing key."""
        return self.root / "custodian.key"

    @property
    def keys(self) -> Path:
        """Where studies' secret keys lie."""
        return self.root / "keys"

    @property
    def published(self) -> Path:
        """Where studies' public lattice keys lie."""
        return self.root / "published"

    @property
    def passing(self) -> Path:
        """Where a request's files are while it is answered."""
        return self.root / "passing"

    def create(self) -> None:
        """Makes the folders; refuses a folder with anything in it."""
        try:
            if self.root.exists() and any(self.root.iterdir()):
                raise AlreadyExists("The folder is not empty", where=str(self.root))
            for folder in (self.root, self.keys, self.published, self.passing):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.chmod(0o700)
        except OSError as error:
            raise StorageFailed(
                f"The folder cannot be made: {error.strerror}", where=str(self.root)
            ) from error

    def existing(self) -> "CustodianFolder":
        """The folder, if a custodian is in it and nobody else can enter."""
        if not (self.own_key.exists() and self.log.is_file()):
            raise NotFound(
                "There is no custodian in this folder",
                where=str(self.root),
                hint="Name its folder, or make one with 'securefed custodian init'.",
            )
        for folder in (self.root, self.keys):
            status = folder.stat()
            if status.st_uid != os.geteuid() or status.st_mode & 0o077:
                mode = stat.S_IMODE(status.st_mode)
                raise KeyUnsafe(
                    f"Others can enter the folder: its mode is {mode:04o}",
                    where=str(folder),
                    hint="Run 'chmod 700' on it; if others may have read the keys, make new ones.",
                )
        return self
