"""A model as files that other programs read: its weights by name as safetensors, and its card.

Promises that the folder is whole or not there: an older model stays until the new one is written.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from securefed.errors import StorageFailed
from securefed.recipes.layout import Values

WEIGHTS, CARD = "model.safetensors", "model.md"


def write_model(folder: Path, weights: Mapping[str, Values], card: str) -> None:
    """Writes both files into a folder, which takes the place of one that is there."""
    draft = folder.with_name(f"{folder.name}.part")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        save_file(
            {name: np.ascontiguousarray(one) for name, one in weights.items()}, draft / WEIGHTS
        )
        (draft / CARD).write_text(card, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        draft.replace(folder)
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(folder)) from error
