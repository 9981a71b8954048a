"""UCI Sentiment Labelled Sentences: what people wrote on three platforms, and if they liked it.

A thousand sentences each of Amazon, IMDb and Yelp. A random fifth of all 3,000 is held out, by a
seed of numpy's generator; each platform has the rest of its own. Sentences of like length lie
together, so that little is filled up in a batch; the order of records tells nothing.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from securefed.adapters.published_data.origin import Origin
from securefed.adapters.published_data.part import TEST, Described, column, write_part
from securefed.domain.identifiers import DatasetId
from securefed.domain.site import ColumnType

ORIGIN: Final = Origin(
    title="The UCI Sentiment Labelled Sentences",
    folder="uci-sentiment-labelled-sentences",
    source="https://archive.ics.uci.edu/dataset/331 (Kotzias et al. 2015)",
    licence="CC BY 4.0",
    files={
        "amazon_cells_labelled.txt": (
            "47003fc0a0d4840b00e96e715b6189bad09e7443a3da41c4cbe12ffc79f86ae3"
        ),
        "imdb_labelled.txt": "a5851cfed830b68d4b18fa11f7e9fa85debee7566be0933c9a679ce747c86d67",
        "yelp_labelled.txt": "c76468b7b5c6e56a0804d728345c5f84aa2142ddb214420f61cc9cfd4c00d2ea",
    },
)
PLATFORMS: Final = {
    "amazon": "amazon_cells_labelled.txt",
    "imdb": "imdb_labelled.txt",
    "yelp": "yelp_labelled.txt",
}
DESCRIBED: Final = Described(
    dataset=DatasetId("sentences"),
    origin="UCI Machine Learning Repository, dataset 331",
    licence=ORIGIN.licence,
    purposes=("opinion-research",),
    columns=(
        column("text", ColumnType.TEXT, "A sentence that somebody wrote"),
        column("label", ColumnType.CATEGORY, "1 where they liked it, 0 where not"),
    ),
    words=(("label", ("0", "1")),),
)
_HELD_OUT: Final = 5

Sentence: TypeAlias = tuple[str, str]


def write_sentences(source: Path, folder: Path, seed: int = 0) -> None:
    """Writes each platform's sentences to train on, and the held-out ones as one part."""
    kept, held_out = split_sentences(source, seed)
    for platform, rows in kept.items():
        write_part(folder, platform, f"Sentences, {platform}", DESCRIBED, _by_length(rows))
    write_part(folder, TEST, "Sentences, held out", DESCRIBED, _by_length(held_out))


def split_sentences(source: Path, seed: int) -> tuple[dict[str, list[Sentence]], list[Sentence]]:
    """Each platform's sentences to train on, and those that nobody trains on."""
    rows = [
        (platform, row) for platform, name in PLATFORMS.items() for row in _sentences(source / name)
    ]
    order = np.random.default_rng(seed).permutation(len(rows)).tolist()
    border = len(rows) * (_HELD_OUT - 1) // _HELD_OUT
    kept: dict[str, list[Sentence]] = {platform: [] for platform in PLATFORMS}
    for number in order[:border]:
        platform, row = rows[number]
        kept[platform].append(row)
    return kept, [rows[number][1] for number in order[border:]]


def _sentences(file: Path) -> Iterable[Sentence]:
    # Some sentences hold a line separator that is not the end of their line.
    for line in file.read_text("utf-8").split("\n"):
        text, tab, label = line.rpartition("\t")
        if tab:
            yield text.strip(), label.strip()


def _by_length(rows: Iterable[Sentence]) -> list[Sentence]:
    return sorted(rows, key=lambda row: len(row[0]))
