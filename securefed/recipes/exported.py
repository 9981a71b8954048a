"""An exported model as it lies in a folder: its weights by name, its record, its card.

Promises that the weights are finite float32 numbers and the very ones that the record's history
ends with. That the folder is the one that somebody meant is for its digest to say: see
`pretrained.manifest`.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from securefed.domain.exported import ExportedModel, Format
from securefed.domain.identifiers import Digest
from securefed.domain.records import from_bytes
from securefed.errors import ModelUnusable, RecordInvalid, SecurefedError
from securefed.recipes.layout import Layout, Values, row_bytes
from securefed.recipes.pretrained.manifest import RECORD

WEIGHTS: Final = "model.safetensors"
CARD: Final = "model.md"
_MOST_RECORD: Final = 4_000_000


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What a folder holds."""

    record: ExportedModel
    weights: dict[str, Values]


def read_record(folder: Path) -> ExportedModel:
    """What the model in a folder says of itself."""
    try:
        with (folder / RECORD).open("rb") as file:
            data = file.read(_MOST_RECORD + 1)
    except OSError:
        raise ModelUnusable(
            f"{folder.name} is no exported model: it has no {RECORD}",
            hint="'securefed study export' writes such a folder.",
        ) from None
    try:
        if len(data) > _MOST_RECORD:
            raise RecordInvalid("It is too long")
        return from_bytes(ExportedModel, data.removesuffix(b"\n"))
    except SecurefedError as error:
        raise ModelUnusable(
            f"Not the record of an exported model: {error.what}", where=f"{folder.name}/{RECORD}"
        ) from error


def read_exported(folder: Path) -> Exported:
    """The model in a folder, its weights held against its record."""
    record = read_record(folder)
    if record.format is not Format.SAFETENSORS:
        raise ModelUnusable(
            f"The model is written for {record.format}, not by the names of a recipe's weights",
            where=folder.name,
            hint="Export it with --format safetensors. A transformers folder can be named as a "
            "recipe's 'model'.",
        )
    weights = _read_weights(folder)
    if weights_digest(weights) != record.weights:
        raise ModelUnusable(f"The weights are not those of {RECORD}", where=folder.name)
    return Exported(record=record, weights=weights)


def weights_digest(weights: dict[str, Values]) -> Digest:
    """The digest of weights in one row, in the order of their layout."""
    row = Layout.of(weights).flat(weights)
    return Digest("sha256:" + hashlib.sha256(row_bytes(row)).hexdigest())


def _read_weights(folder: Path) -> dict[str, Values]:
    try:
        found = load((folder / WEIGHTS).read_bytes())
    # A dtype that numpy lacks is a KeyError.
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise ModelUnusable(
            f"Expected safetensors: {type(error).__name__}", where=f"{folder.name}/{WEIGHTS}"
        ) from error
    for name, one in found.items():
        if one.dtype != np.float32 or not np.isfinite(one).all():
            raise ModelUnusable("Expected finite float32 weights", where=ascii(name))
    return found
