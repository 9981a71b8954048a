"""The demo's data: split once and for all, nobody in two parts."""

import csv
from pathlib import Path

import pytest

pytest.importorskip("sklearn", reason="the demo's data come with scikit-learn")

from securefed.adapters.published_data.breast_cancer import TARGET, shares, write_breast_cancer
from securefed.config import load_card


def test_everybody_is_in_one_part() -> None:
    found = {one.name: one for one in shares()}
    sizes = {name: len(one.rows) for name, one in found.items()}
    assert sizes == {"test": 113, "hospital-a": 240, "hospital-b": 116, "hospital-c": 100}
    assert len({tuple(row) for one in found.values() for row in one.rows}) == 569


def test_hospitals_differ_in_their_cases() -> None:
    sick = {
        one.name: sum(row[-1] == "true" for row in one.rows) / len(one.rows) for one in shares()
    }
    assert sick["hospital-a"] < 0.2 < sick["test"] < 0.5 < sick["hospital-b"] < sick["hospital-c"]


def test_the_split_is_the_same_every_time() -> None:
    assert list(shares()) == list(shares())


def test_a_part_is_a_table_of_ten_measures_and_the_answer(tmp_path: Path) -> None:
    write_breast_cancer(tmp_path)
    share = next(shares())
    with (tmp_path / "test.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    assert (len(head), head[0], head[-1]) == (11, "worst_radius", TARGET)
    assert [[*map(float, row[:-1]), row[-1]] for row in rows] == [list(row) for row in share.rows]
    card = load_card(tmp_path / "hospital-b.toml")
    assert [str(one.name) for one in card.columns] == head
