"""The sentences: a fifth held out, each platform with its own, nobody's in two parts."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.worlds.workload_cases import published
from securefed.adapters.published_data.sentences import ORIGIN, split_sentences, write_sentences
from securefed.errors import NotFound


@pytest.fixture(scope="module")
def source() -> Path:
    try:
        return ORIGIN.checked(published())
    except NotFound as error:
        pytest.skip(str(error))


def test_a_fifth_is_held_out(source: Path) -> None:
    kept, held_out = split_sentences(source, 0)
    sizes = {platform: len(rows) for platform, rows in kept.items()}
    assert (sizes, len(held_out)) == ({"amazon": 804, "imdb": 801, "yelp": 795}, 600)
    everything = Counter(row for rows in kept.values() for row in rows) + Counter(held_out)
    assert sum(everything.values()) == 3000
    assert {label for _, label in everything} == {"0", "1"}


def test_another_seed_holds_out_others(source: Path) -> None:
    assert split_sentences(source, 0) == split_sentences(source, 0)
    assert split_sentences(source, 0)[1] != split_sentences(source, 1)[1]


def test_sentences_with_commas_quotes_and_separators_come_back(
    source: Path, tmp_path: Path
) -> None:
    write_sentences(source, tmp_path)
    kept, _ = split_sentences(source, 0)
    with (tmp_path / "imdb.csv").open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    assert sorted(map(tuple, rows)) == sorted(kept["imdb"])
    assert [len(text) for text, _ in rows] == sorted(len(text) for text, _ in rows)
