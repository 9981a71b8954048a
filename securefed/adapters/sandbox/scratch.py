"""The scratch folder of one run: made for it, emptied between its rounds, removed after it.

    in/       files for the round; the run reads them
    out/      files that the run makes
    tmp/      whatever else it writes; its home and its temporary folder
    shm/      its shared memory
    package/  our code
    lock      held while the run lives, so that a folder which nobody holds can be removed

What lies in `out` was made by somebody who is not trusted: a file is taken only where it is a plain
one with one name, links are not followed, and the digest is of the copy.
"""

import fcntl
import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import securefed
from securefed.adapters.sandbox.keeper import remove_folder
from securefed.domain.identifiers import Digest, Name
from securefed.errors import ResultUnfit, StorageFailed

OUR_PACKAGE = Path(securefed.__file__).resolve().parent
_CHANGING = ("in", "out", "tmp", "shm")
_PREFIX = "run-"
_PIECE = 2**20


class Scratch:
    """One run's folder."""

    def __init__(self, workplace: Path) -> None:
        with _storage(workplace):
            self.root = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=workplace)).resolve()
            self.lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self.lock, fcntl.LOCK_EX)
            for name in (*_CHANGING, "package"):
                (self.root / name).mkdir(mode=0o700)
            (self.root / "package" / OUR_PACKAGE.name).symlink_to(OUR_PACKAGE)

    def give(self, name: Name, source: Path) -> None:
        """Copies a file into `in`."""
        with _storage(source), source.open("rb") as given:
            kept = _new(self.root / "in" / name)
            with os.fdopen(kept, "wb") as copy:
                shutil.copyfileobj(given, copy, _PIECE)

    def take(self, name: Name, target: Path, most: int) -> Digest:
        """Copies a file out of `out` to a new file."""
        with _opened(self.root / "out", name, most) as made, _storage(target):
            kept = _new(target)
            try:
                with os.fdopen(kept, "wb") as copy:
                    return _copied(made, copy.write, most, name)
            except (OSError, ResultUnfit):
                target.unlink()
                raise

    def empty(self) -> None:
        """Removes what was given and made. It may race with the run, whose links lead nowhere."""
        folders = [str(self.root / name) for name in _CHANGING]
        done = subprocess.run(  # noqa: S603 - the system's own
            ["/usr/bin/find", *folders, "-mindepth", "1", "-delete"],
            check=False,
            stderr=subprocess.DEVNULL,
        )
        if done.returncode:
            raise StorageFailed("A run's files cannot be removed", where=str(self.root))

    def remove(self) -> None:
        """Removes the folder, if the keeper has not, and lets go of it."""
        remove_folder(self.root)
        os.close(self.lock)


def sweep(workplace: Path) -> int:
    """Removes the folders of runs that nobody watches any more, and says how many there were."""
    removed = 0
    for folder in sorted(workplace.glob(f"{_PREFIX}*")):
        with _storage(folder):
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            remove_folder(folder)
            removed += 1
        finally:
            os.close(lock)
    return removed


def _new(path: Path) -> int:
    # Exclusive creation follows no link either.
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


@contextmanager
def _opened(folder: Path, name: Name, most: int) -> Iterator[int]:
    try:
        # Without NONBLOCK a named pipe would be waited for.
        made = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise ResultUnfit(f"The file {name} cannot be read: {error.strerror}") from error
    try:
        found = os.fstat(made)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise ResultUnfit(f"The file {name} is not a plain file with one name")
        if found.st_size > most:
            raise ResultUnfit(f"The file {name} has {found.st_size} bytes; {most} is the most")
        yield made
    finally:
        os.close(made)


def _copied(made: int, write: Callable[[bytes], int], most: int, name: Name) -> Digest:
    digest, left = hashlib.sha256(), most
    while piece := os.read(made, _PIECE):
        left -= len(piece)
        if left < 0:
            raise ResultUnfit(f"The file {name} grew beyond {most} bytes while it was copied")
        digest.update(piece)
        write(piece)
    return Digest("sha256:" + digest.hexdigest())


@contextmanager
def _storage(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(f"A run's files failed: {error.strerror}", where=str(path)) from error
