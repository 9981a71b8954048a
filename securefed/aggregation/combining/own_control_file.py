"""A site's own control variate as bytes: a header, its arrays in a row, and a digest of them.

    securefed own control 1 <newline>
    <length, 4 bytes> <header: canonical JSON>
    <values: float32, little-endian> <those that wait, if there are any>
    <SHA-256, 32 bytes>
    and nothing behind it

Promises that what is read is what was written, and that a file which is cut short, changed or of
another size is refused. It stays at the site, which alone writes it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from securefed.aggregation.combining.control import OwnControl, Pending
from securefed.aggregation.grid import Values
from securefed.domain.numbers import count
from securefed.domain.records import from_bytes, to_bytes
from securefed.errors import ControlUnfit, IntegrityError, UsageError

MAGIC = b"securefed own control 1\n"
_LENGTH_BYTES, _VALUE_BYTES = 4, 4
_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True, kw_only=True)
class OwnHeader:
    """What the file says first: the rounds of its arrays."""

    kind: ClassVar[str] = "own-control"
    parameters: int
    round: int
    pending: int | None

    def __post_init__(self) -> None:
        count("parameters", self.parameters)
        count("round", self.round, least=0)
        if self.pending is not None:
            count("pending round", self.pending)


def written_own(own: OwnControl) -> bytes:
    """The file of a control variate."""
    content = b"".join(_parts(own))
    return content + hashlib.sha256(content).digest()


def read_own(content: bytes, parameters: int) -> OwnControl:
    """The control variate in a file, if it is of a model of this size."""
    body, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if not body.startswith(MAGIC) or hashlib.sha256(body).digest() != digest:
        raise _unusable("It is cut short, or not what was written")
    begin = len(MAGIC) + _LENGTH_BYTES
    end = begin + int.from_bytes(body[len(MAGIC) : begin], "little")
    try:
        header = from_bytes(OwnHeader, body[begin:end])
    except (IntegrityError, UsageError) as error:
        raise _unusable("Its header is not a record of one") from error
    arrays = 1 if header.pending is None else 2
    if header.parameters != parameters or len(body) != end + _VALUE_BYTES * arrays * parameters:
        raise _unusable("It is of another model")
    row = np.frombuffer(body, "<f4", offset=end).astype(np.float32)
    if not np.isfinite(row).all():
        raise _unusable("It has values that are no finite numbers")
    values, waits = row[:parameters], row[parameters:]
    pending = None if header.pending is None else Pending(values=waits, round=header.pending)
    return OwnControl(values=values, round=header.round, pending=pending)


def _parts(own: OwnControl) -> Iterator[bytes]:
    header = to_bytes(
        OwnHeader(
            parameters=own.values.size,
            round=own.round,
            pending=None if own.pending is None else own.pending.round,
        )
    )
    yield MAGIC + len(header).to_bytes(_LENGTH_BYTES, "little") + header
    yield _little(own.values)
    if own.pending is not None:
        yield _little(own.pending.values)


def _little(values: Values) -> bytes:
    return values.astype("<f4").tobytes()


def _unusable(why: str) -> ControlUnfit:
    return ControlUnfit(f"This site's own control variate cannot be used. {why}")
