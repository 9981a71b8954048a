"""Private key files: two lines of text, readable by their owner only.

    PRIVATE securefed ed25519 key site hospital-a
    <base64 of the 32-byte seed>

The first word lets a scanner find a key that strayed into a repository. Promises never to overwrite
a file, and to load none that somebody else could have read or planted: a link, another owner's
file, or one that group or others may access. Does not encrypt: whoever is the account, or root, has
the key.
"""

import base64
import binascii
import os
import re
import stat
from pathlib import Path

import nacl.utils

from securefed.adapters.ed25519_keys.signing import Ed25519Signer
from securefed.domain.identifiers import Line
from securefed.errors import AlreadyExists, KeyUnsafe, SecurefedError, StorageFailed

_SEED_BYTES = 32
_LARGEST = 4096
_HEADER = "PRIVATE securefed ed25519 key"
_FORM = re.compile(rf"{_HEADER} (?P<label>[^\n]+)\n(?P<seed>[A-Za-z0-9+/]{{43}}=)\n")


def create_key(path: Path, label: str) -> Ed25519Signer:
    """A new key in a new file. The label says whose it is, and is not secret."""
    seed = nacl.utils.random(_SEED_BYTES)
    text = f"{_HEADER} {Line(label)}\n{base64.b64encode(seed).decode('ascii')}\n"
    try:
        _write_new(path, text.encode("utf-8"))
    except OSError as error:
        raise _failure(error, path) from error
    return Ed25519Signer(seed)


def load_key(path: Path) -> Ed25519Signer:
    """The key of a file that only this account can have read."""
    try:
        content = _read_private(path)
    except OSError as error:
        raise _failure(error, path) from error
    return Ed25519Signer(_seed_of(content, path))


def _write_new(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _flush_folder(path.parent)
    except OSError:
        # Half a key would only be refused later, when whoever made it is gone.
        path.unlink()
        raise


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_private(path: Path) -> bytes:
    # O_NONBLOCK: a pipe in the key's place is refused below instead of waited for.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags)
    try:
        _check_private(os.fstat(descriptor), path)
        return os.read(descriptor, _LARGEST)
    finally:
        os.close(descriptor)


def _check_private(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyUnsafe("The key is not an ordinary file", where=str(path))
    if status.st_uid != os.geteuid():
        raise KeyUnsafe("The key file belongs to another account", where=str(path))
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise KeyUnsafe(f"Others can access the key file: its mode is {mode:04o}", where=str(path))


def _seed_of(content: bytes, path: Path) -> bytes:
    # `from None` throughout: the exceptions underneath carry the file's content.
    malformed = KeyUnsafe("The file is not a securefed key", where=str(path))
    try:
        match = _FORM.fullmatch(content.decode("utf-8"))
        if match is None:
            raise malformed
        Line(match["label"])
        seed = base64.b64decode(match["seed"], validate=True)
    except (UnicodeDecodeError, binascii.Error, SecurefedError):
        raise malformed from None
    if len(seed) != _SEED_BYTES or base64.b64encode(seed).decode("ascii") != match["seed"]:
        raise malformed
    return seed


def _failure(error: OSError, path: Path) -> SecurefedError:
    """The table of what the operating system can say about a key file."""
    where = str(path)
    if isinstance(error, FileExistsError):
        return AlreadyExists("There is a file already; a key is never overwritten", where=where)
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return KeyUnsafe("There is no such file or folder", where=where)
    if isinstance(error, PermissionError):
        return KeyUnsafe("This account may not use the file or its folder", where=where)
    if path.is_symlink():
        return KeyUnsafe("The key is a symbolic link", where=where)
    return StorageFailed(f"The key file failed: {error.strerror}", where=where)
