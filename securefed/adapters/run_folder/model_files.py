"""A model as files that other programs read: its record, its card, and its weights in some form.

Promises that the folder is whole or not there: an older model stays until the new one is written,
and a form that turns out not to be the model leaves nothing behind.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from securefed.errors import StorageFailed
from securefed.recipes.exported import CARD, WEIGHTS
from securefed.recipes.layout import Values
from securefed.recipes.pretrained.manifest import RECORD


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """What every form of a model has beside its weights."""

    record: bytes
    card: str


@contextmanager
def new_model(folder: Path, files: ModelFiles) -> Iterator[Path]:
    """A draft to write weights into; at the end it takes the place of the folder that is there."""
    draft = folder.with_name(f"{folder.name}.part")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        yield draft
        (draft / RECORD).write_bytes(files.record + b"\n")
        (draft / CARD).write_text(files.card, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        draft.replace(folder)
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(folder)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_weights(folder: Path, weights: Mapping[str, Values]) -> None:
    """Weights by name."""
    save_file({name: np.ascontiguousarray(one) for name, one in weights.items()}, folder / WEIGHTS)
