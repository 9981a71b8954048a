"""A training run's state in one file, so that a run goes on after its process has ended.

Promises that a file is either whole or refused: it begins with the SHA-256 of the rest, is replaced
in one move, and names the run and the step that it belongs to. It holds weights that are noised
already, the optimiser's state and private counts, so it stays at the site; never a key of a
keystream: a run that goes on draws new ones, so that no noise comes twice. The format inside is
safetensors; nothing in it is executed.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from securefed.domain.identifiers import Digest
from securefed.errors import CheckpointUnusable, StorageFailed

_SIZE = hashlib.sha256().digest_size
_STEP = "step"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Tensors after a step."""

    run: Digest
    step: int
    tensors: Mapping[str, Tensor]


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replaces the file at once, and only when all of it is on the disk."""
    held = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    held[_STEP] = torch.tensor(checkpoint.step)
    body = save(held, metadata={"run": str(checkpoint.run)})
    beside = path.with_name(path.name + ".new")
    try:
        # Made anew, so that neither a link nor the rights of a file left over count.
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(hashlib.sha256(body).digest() + body)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise StorageFailed("The checkpoint cannot be written", where=path.name) from error


def read_checkpoint(path: Path, run: Digest) -> Checkpoint | None:
    """The state that this run left, if it left one."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageFailed("The checkpoint cannot be read", where=path.name) from error
    digest, body = data[:_SIZE], data[_SIZE:]
    if hashlib.sha256(body).digest() != digest:
        raise CheckpointUnusable("The checkpoint is damaged", where=path.name)
    try:
        tensors = load(body)
    except SafetensorError as error:
        raise CheckpointUnusable("The checkpoint is damaged", where=path.name) from error
    if _metadata(body).get("run") != run or _STEP not in tensors:
        raise CheckpointUnusable("The checkpoint belongs to another run", where=path.name)
    return Checkpoint(run=run, step=int(tensors.pop(_STEP)), tensors=tensors)


def _metadata(body: bytes) -> dict[str, str]:
    # safetensors: eight bytes of length, then a header in JSON.
    length = int.from_bytes(body[:8], "little")
    found: dict[str, str] = json.loads(body[8 : 8 + length]).get("__metadata__", {})
    return found
