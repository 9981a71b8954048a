"""Signed requests as files, so that they can travel by any means: one canonical JSON document each.

Reading checks the form only. Whether the signature is the requester's, and whether the site knows
them, is settled when the request is filed.
"""

from pathlib import Path

from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.request import SignedRequest
from securefed.errors import NotCanonical, StorageFailed

_LARGEST = 4_000_000


def write_request_file(signed: SignedRequest, folder: Path) -> Path:
    """Writes a request under a name made of its study and site."""
    request = signed.request
    path = folder / f"{request.study.study}.{request.site}.request.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(to_bytes(signed) + b"\n")
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(path)) from error
    return path


def read_request_file(path: Path) -> SignedRequest:
    """Reads a request; a larger file than any request is refused unread."""
    try:
        if path.stat().st_size > _LARGEST:
            raise NotCanonical(f"The file is larger than {_LARGEST:,} bytes", where=str(path))
        data = path.read_bytes()
    except OSError as error:
        raise StorageFailed(f"Cannot read: {error.strerror}", where=str(path)) from error
    return from_bytes(SignedRequest, data.removesuffix(b"\n"))
