"""Who a site is to PySyft: its UID and the seed of its signing key, in one file of mode 0600.

The file is made once, at random, and never derived from the site's name: whoever holds this key is
the site's root. A file that others can read, or that is not ours, stops the site.
"""

import json
import os
import re
import secrets
import stat
import uuid
from dataclasses import dataclass
from pathlib import Path

from securefed.errors import KeyUnsafe, StorageFailed

_LARGEST = 4096
# PySyft sets the bits that make it version 4, so another one would not stay what it was.
_UID = re.compile(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")
_SEED = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A site's UID and signing key, in hexadecimal."""

    uid: str
    seed: str

    def __repr__(self) -> str:
        """Without the seed, which would end up in a log."""
        return f"Identity(uid={self.uid!r})"


def kept_identity(path: Path) -> Identity:
    """The identity in a file, made there where there is none yet."""
    try:
        return _read(path)
    except FileNotFoundError:
        identity = Identity(uid=uuid.uuid4().hex, seed=secrets.token_hex(32))
        write_private(path, json.dumps({"seed": identity.seed, "uid": identity.uid}).encode())
        return identity


def write_private(path: Path, content: bytes) -> None:
    """A new file that only this account can read; never over an old one."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, fails where somebody else was first.
        os.link(draft, path)
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(path)) from error
    finally:
        draft.unlink(missing_ok=True)


def check_private(descriptor: int, path: Path) -> None:
    """Refuses a key that somebody else could have read or put there."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
        raise KeyUnsafe("The key is not an ordinary file of this account", where=str(path))
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise KeyUnsafe(f"Others can access the key file: its mode is {mode:04o}", where=str(path))


def _read(path: Path) -> Identity:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeyUnsafe(f"The key cannot be read: {error.strerror}", where=str(path)) from None
    try:
        check_private(descriptor, path)
        found = json.loads(os.read(descriptor, _LARGEST))
        # `from None`: the exceptions underneath carry the file's content.
        uid, seed = found["uid"], found["seed"]
        if not (_UID.fullmatch(uid) and _SEED.fullmatch(seed)):
            raise KeyUnsafe("The file is not a site's identity", where=str(path))
        return Identity(uid=uid, seed=seed)
    except (ValueError, KeyError, TypeError):
        raise KeyUnsafe("The file is not a site's identity", where=str(path)) from None
    finally:
        os.close(descriptor)
