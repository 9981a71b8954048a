"""The secret keys of studies, one file each, and the public lattice keys beside them.

    PRIVATE securefed lattice key readmission 1
    <base64>

A file is named after its study, its number and its public half, so two that are made at once never
meet. Promises never to overwrite a key, to read none that others could have read or planted, and to
overwrite a destroyed one with zeros before it is removed. A disk that keeps old blocks (an SSD, a
copy-on-write file system, a backup) may have the bytes all the same: encrypt the disk.
"""

import base64
import binascii
import os
import stat
from pathlib import Path

from securefed.adapters.custodian_folder.layout import CustodianFolder
from securefed.domain.identifiers import StudyId
from securefed.domain.key_card import KeyCard
from securefed.errors import AlreadyExists, KeyUnsafe, StorageFailed

_LARGEST = 1 << 20


class StudyKeyFiles:
    """The key files in a custodian's folder."""

    def __init__(self, folder: CustodianFolder) -> None:
        self._folder = folder

    def keep(self, card: KeyCard, secret: bytes, public: bytes) -> None:
        """Writes a new key's files."""
        text = f"{_header(card)}\n{base64.b64encode(secret).decode('ascii')}\n"
        _write_new(self._secret(card), text.encode("ascii"))
        if public:
            _write_new(self._public(card), public)

    def secret(self, card: KeyCard) -> bytes:
        """A key's secret half."""
        path = self._secret(card)
        malformed = KeyUnsafe("The file is not this study's key", where=str(path))
        try:
            header, encoded, end = _read_private(path).decode("ascii").split("\n")
            secret = base64.b64decode(encoded, validate=True)
        except (UnicodeDecodeError, ValueError, binascii.Error):
            # The exceptions underneath carry the file's content.
            raise malformed from None
        if header != _header(card) or end:
            raise malformed
        return secret

    def public(self, card: KeyCard) -> bytes:
        """A lattice key's public half."""
        path = self._public(card)
        try:
            return path.read_bytes()
        except OSError as error:
            raise StorageFailed(f"Cannot read: {error.strerror}", where=str(path)) from error

    def check(self, cards: list[KeyCard]) -> None:
        """Refuses to go on where a key is missing or others could have read it."""
        for card in cards:
            self.secret(card)

    def discard(self, card: KeyCard) -> None:
        """Removes one key's files: it was never published."""
        for path in (self._secret(card), self._public(card)):
            _destroy(path)

    def destroy(self, study: StudyId) -> int:
        """Overwrites and removes every key of a study; says how many there were."""
        found = sorted(self._folder.keys.glob(f"{study}.*.key"))
        for path in (*found, *self._folder.published.glob(f"{study}.*.public")):
            _destroy(path)
        return len(found)

    def _secret(self, card: KeyCard) -> Path:
        return self._folder.keys / f"{_name(card)}.key"

    def _public(self, card: KeyCard) -> Path:
        return self._folder.published / f"{_name(card)}.public"


def _name(card: KeyCard) -> str:
    return f"{card.study}.{card.number}.{card.key.partition(':')[2][:16]}"


def _header(card: KeyCard) -> str:
    return f"PRIVATE securefed {card.holds} key {card.study} {card.number}"


def _write_new(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            _flush_folder(path.parent)
        except OSError:
            path.unlink()
            raise
    except FileExistsError as error:
        raise AlreadyExists("A key is never overwritten", where=str(path)) from error
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(path)) from error


def _read_private(path: Path) -> bytes:
    # O_NONBLOCK: a pipe in the key's place is refused instead of waited for.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 - of a descriptor
            status = os.fstat(file.fileno())
            mine = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
            if not mine or status.st_mode & 0o077:
                mode = stat.S_IMODE(status.st_mode)
                raise KeyUnsafe(f"Others can access the key: mode {mode:04o}", where=str(path))
            return file.read(_LARGEST)
    except OSError as error:
        raise KeyUnsafe(f"The key cannot be read: {error.strerror}", where=str(path)) from None


def _destroy(path: Path) -> None:
    try:
        with path.open("r+b") as file:
            file.write(bytes(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        _flush_folder(path.parent)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageFailed(f"Cannot be destroyed: {error.strerror}", where=str(path)) from error


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
