"""The checkpoint that a site holds its ledger against, in a file beside the ledger's.

Promises that a checkpoint which was kept is on the disk, whole, and that one that cannot be read
stops the site instead of counting as none. Whoever puts back an old ledger and also removes this
file is found out only by the parties who co-signed: they have the same lines.
"""

import os
from pathlib import Path

from securefed.domain.checkpoint import Checkpoint, parse_checkpoint
from securefed.errors import CheckpointInvalid, StorageFailed

_LARGEST = 64 * 1024


def keep_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replaces what was kept, in one step."""
    draft = path.with_suffix(f".{os.getpid()}.part")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            file.write(checkpoint.note())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _flush(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(path)) from error


def kept_checkpoint(path: Path) -> Checkpoint | None:
    """What is kept; None where nothing ever was."""
    try:
        with path.open("rb") as file:
            note = file.read(_LARGEST)
        return parse_checkpoint(note.decode("utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageFailed(f"Cannot read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise CheckpointInvalid("The file is not text in UTF-8", where=str(path)) from error
    except CheckpointInvalid as error:
        raise CheckpointInvalid(error.what, where=str(path)) from error


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
