"""What both ends of the channel say: paths, headers, and errors as HTTP has them.

    POST   how much of an upload is there     PUT     the bytes that are missing
    GET    a whole blob, or its rest          DELETE  the receiver has it: the ticket is spent

Every request names its blob in the path and shows its ticket in `Authorization`. A refusal is a
small JSON object with the error's code; what another machine words is shown in plain characters.
"""

import json
import re

from securefed.domain.blob import BlobId
from securefed.domain.identifiers import Digest, RequestId
from securefed.domain.round import RoundId
from securefed.errors import (
    BlobBusy,
    BlobDamaged,
    BlobLengthWrong,
    BlobQuotaFull,
    BlobSlow,
    BlobUnreachable,
    NotFound,
    SecurefedError,
    StorageFailed,
    TicketExpired,
    TicketForeign,
    TicketInvalid,
    TicketSpent,
)

SCHEME = "Securefed-Ticket "
BLOCK = 1 << 20
STATUS: dict[type[SecurefedError], int] = {
    TicketInvalid: 401,
    TicketForeign: 403,
    TicketExpired: 403,
    NotFound: 404,
    BlobSlow: 408,
    BlobBusy: 409,
    TicketSpent: 410,
    BlobLengthWrong: 416,
    BlobDamaged: 422,
    StorageFailed: 500,
    BlobQuotaFull: 507,
}
_BY_CODE = {error.code: error for error in STATUS}
_LARGEST_REFUSAL = 4096
_LONGEST_REASON = 300
_NUMBER = "[1-9][0-9]{0,11}"
_PATH = re.compile(f"/(cr-[0-9a-f]{{12}})/({_NUMBER})/({_NUMBER})/([0-9a-f]{{64}})", re.ASCII)
_REST = re.compile(r"bytes=(0|[1-9][0-9]{0,11})-", re.ASCII)


def path_of(blob: BlobId) -> str:
    """Where a blob is asked for, below the channel's own path."""
    hexadecimal = blob.digest.removeprefix("sha256:")
    return f"/{blob.of.request}/{blob.of.round}/{blob.of.attempt}/{hexadecimal}"


def blob_of(path: str) -> BlobId:
    """The blob of a path; no other path exists."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise NotFound("The blob channel has no such path")
    request, of_round, attempt, hexadecimal = match.groups()
    of = RoundId(request=RequestId(request), round=int(of_round), attempt=int(attempt))
    return BlobId(of=of, digest=Digest(f"sha256:{hexadecimal}"))


def start_of(wanted_range: str | None, length: int) -> int:
    """Where a download begins. A range always reaches to the end."""
    if wanted_range is None:
        return 0
    match = _REST.fullmatch(wanted_range)
    if match is None or int(match[1]) >= length:
        raise BlobLengthWrong(f"A range is written 'bytes=N-', with N below {length}")
    return int(match[1])


def length_of(header: str | None) -> int:
    """A length or an offset. One that is missing or odd is refused before the body is read."""
    if header is None or not (header.isascii() and header.isdigit() and len(header) <= 13):
        raise BlobLengthWrong("An upload states its Content-Length and its Upload-Offset")
    return int(header)


def refusal(error: SecurefedError) -> bytes:
    """An error as it is sent."""
    return json.dumps({"code": error.code, "what": error.what, "where": error.where}).encode()


def refused(status: int, body: bytes) -> SecurefedError:
    """The error that the other side means. Its words are not trusted to be harmless."""
    try:
        said = json.loads(body[:_LARGEST_REFUSAL])
        kind, what, where = _BY_CODE[said["code"]], str(said["what"]), str(said["where"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return BlobUnreachable(f"The site's blob channel answered with status {status}")
    return kind(_plain(what), where=_plain(where))


def _plain(text: str) -> str:
    shown = text.encode("ascii", "replace").decode("ascii")
    return "".join(one for one in shown if one.isprintable())[:_LONGEST_REASON]
