"""The demonstration's data: what scikit-learn ships, as files with a description beside each."""

import json
from importlib.util import find_spec
from pathlib import Path

from securefed.domain.identifiers import DatasetId
from securefed.errors import NotFound, StorageFailed

_CARD = """\
dataset = {dataset}
title = {title}
origin = "The breast-cancer data that scikit-learn ships: UCI, Wisconsin (diagnostic), 1995"
licence = "CC BY 4.0"
purposes = ["cancer-research"]
data = {data}
adjacency = "add-remove"

[unit]
bound = 1
"""
_COLUMN = """
[[columns]]
name = {name}
type = {type}
meaning = {meaning}
"""


def expect_data() -> None:
    """Refuses to begin without the library that ships the data."""
    if find_spec("sklearn") is None:
        raise NotFound("The demo needs scikit-learn", hint="Install securefed[demo].")


def write_data(folder: Path, dataset: DatasetId) -> None:
    """Writes each hospital's data, and the held-out ones, as CSV with its `dataset.toml`."""
    from securefed.adapters.breast_cancer import TARGET, shares, write_share

    for share in shares():
        write_share(folder / f"{share.name}.csv", share)
        text = _CARD.format(
            dataset=json.dumps(dataset),
            title=json.dumps(f"Tumours, {share.name}"),
            data=json.dumps(f"{share.name}.csv"),
        )
        for name in share.columns:
            answer = name == TARGET
            text += _COLUMN.format(
                name=json.dumps(name),
                type=json.dumps("boolean" if answer else "decimal"),
                meaning=json.dumps(
                    "Whether the tumour was malignant"
                    if answer
                    else f"{name.replace('_', ' ')} of the cell nuclei in an image"
                ),
            )
        try:
            (folder / f"{share.name}.toml").write_text(text, encoding="utf-8")
        except OSError as error:
            raise StorageFailed(f"Cannot write: {error.strerror}", where=str(folder)) from error
