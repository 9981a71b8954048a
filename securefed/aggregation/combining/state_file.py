"""The server's state as bytes: a header, its arrays in a row, and a digest of everything before.

    securefed server state 1 <newline>
    <length, 4 bytes> <header: canonical JSON>
    <weights: float32, little-endian> <each kept array likewise>
    <SHA-256, 32 bytes>
    and nothing behind it

Promises that what is read is what was written, to the bit, and that a file which is cut short,
changed, or of another plan, layout or size is refused before a state exists. It holds nothing
secret: every number in it was made from opened sums. No pickle, no archive.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

import numpy as np

from securefed.aggregation.combining.rules import SECOND, first_values
from securefed.aggregation.combining.state import ServerState
from securefed.aggregation.grid import Values
from securefed.domain.identifiers import Digest, Name
from securefed.domain.numbers import count
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.server_rule import ServerPlan
from securefed.errors import CheckpointUnusable, IntegrityError, UsageError

MAGIC = b"securefed server state 1\n"
_LENGTH_BYTES = 4
_LARGEST_HEADER = 1 << 12
_DIGEST_BYTES = hashlib.sha256().digest_size
_SLICE = 1 << 18
_LITTLE = np.dtype("<f4")
_HINT = "Go on from an older state that is whole; the rounds after it can be added again."


@dataclass(frozen=True, kw_only=True)
class StateHeader:
    """What a state's file says first."""

    kind: ClassVar[str] = "server-state"
    plan: Digest
    layout: Digest
    steps: int
    controlled: int
    parameters: int
    kept: tuple[Name, ...]

    def __post_init__(self) -> None:
        count("steps", self.steps, least=0)
        count("controlled", self.controlled, least=0, most=self.steps)
        count("parameters", self.parameters)


def written_state(state: ServerState) -> Iterator[bytes]:
    """The parts of a state's file."""
    if not state.whole:
        raise CheckpointUnusable("A step broke off in this state", hint=_HINT)
    running = hashlib.sha256()
    for part in _parts(state):
        running.update(part)
        yield part
    yield running.digest()


def read_state(file: BinaryIO, plan: ServerPlan, layout: Digest, parameters: int) -> ServerState:
    """The state in a file that is read from its start, if it is of this plan and model."""
    running = hashlib.sha256()
    header = _header(file, running)
    expected = StateHeader(
        plan=plan.digest,
        layout=layout,
        steps=header.steps,
        controlled=header.controlled,
        parameters=parameters,
        kept=tuple(first_values(plan)),
    )
    if header != expected:
        raise _unusable("It belongs to another plan or model")
    weights, *kept = [_array(file, parameters, running) for _ in range(1 + len(header.kept))]
    if _exactly(file, _DIGEST_BYTES) != running.digest() or file.read(1):
        raise _unusable("Its digest is not that of what stands before it")
    state = ServerState(
        plan=header.plan,
        layout=layout,
        steps=header.steps,
        controlled=header.controlled,
        weights=weights,
        kept=dict(zip(header.kept, kept, strict=True)),
    )
    _refuse_impossible(state)
    return state


def _parts(state: ServerState) -> Iterator[bytes]:
    header = to_bytes(
        StateHeader(
            plan=state.plan,
            layout=state.layout,
            steps=state.steps,
            controlled=state.controlled,
            parameters=state.weights.size,
            kept=tuple(state.kept),
        )
    )
    yield MAGIC + len(header).to_bytes(_LENGTH_BYTES, "little") + header
    for array in (state.weights, *state.kept.values()):
        for start in range(0, array.size, _SLICE):
            yield array[start : start + _SLICE].astype(_LITTLE, copy=False).tobytes()


def _header(file: BinaryIO, running: "hashlib._Hash") -> StateHeader:
    start = _exactly(file, len(MAGIC) + _LENGTH_BYTES)
    if not start.startswith(MAGIC):
        raise _unusable("It is no server state of this version")
    length = int.from_bytes(start[len(MAGIC) :], "little")
    if length > _LARGEST_HEADER:
        raise _unusable("Its header is too long")
    stored = _exactly(file, length)
    running.update(start + stored)
    try:
        return from_bytes(StateHeader, stored)
    except (IntegrityError, UsageError) as error:
        raise _unusable("Its header is not a record of a state") from error


def _array(file: BinaryIO, parameters: int, running: "hashlib._Hash") -> Values:
    array = np.empty(parameters, np.float32)
    for start in range(0, parameters, _SLICE):
        part = array[start : start + _SLICE]
        stored = _exactly(file, part.nbytes)
        running.update(stored)
        part[:] = np.frombuffer(stored, _LITTLE)
    return array


def _refuse_impossible(state: ServerState) -> None:
    if not all(np.isfinite(one).all() for one in (state.weights, *state.kept.values())):
        raise _unusable("It has values that are no finite numbers")
    if SECOND in state.kept and (state.kept[SECOND] < 0).any():
        raise _unusable("It has squares below zero")


def _exactly(file: BinaryIO, length: int) -> bytes:
    found = file.read(length)
    if len(found) != length:
        raise _unusable("It is cut short")
    return found


def _unusable(why: str) -> CheckpointUnusable:
    return CheckpointUnusable(f"The server's state cannot be used. {why}", hint=_HINT)
