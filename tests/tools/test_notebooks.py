"""A notebook's cells: from their source, and compared without what is new in every run."""

import json
from pathlib import Path

import pytest

from tools.notebook_cells import (
    Cell,
    Source,
    code_of,
    document,
    result,
    steady,
    stored_cells,
    stream,
)

TEXT = "# Title\n\nWords.\n\n```python\nx = 1\nx\n```\n\n```sh varies\nls\n```\n\nEnd.\n"


def cell(*outputs: Cell, varies: bool = False) -> Cell:
    made = Source(name="a", text=f"```python{' varies' if varies else ''}\nx\n```\n").cells()[0]
    return {**made, "outputs": list(outputs)}


def test_fences_are_cells_and_the_rest_is_text() -> None:
    cells = Source(name="a", text=TEXT).cells()
    assert [one["cell_type"] for one in cells] == ["markdown", "code", "code", "markdown"]
    assert [code_of(one) for one in cells] == [
        "# Title\n\nWords.",
        "x = 1\nx",
        "%%bash -e\nls",
        "End.",
    ]
    assert [one["metadata"] for one in cells] == [{}, {}, {"tags": ["varies"]}, {}]
    assert len({one["id"] for one in cells}) == 4


def test_a_file_has_the_form_that_jupyter_reads(tmp_path: Path) -> None:
    cells = Source(name="a", text=TEXT).cells()
    file = tmp_path / "a.ipynb"
    file.write_text(document(cells))
    whole = json.loads(file.read_text())
    assert (whole["nbformat"], whole["nbformat_minor"]) == (4, 5)
    assert stored_cells(file) == cells


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("plan sha256:" + "a" * 64, "plan sha256:" + "b" * 64),
        ("sha256:715617e9…7e3c", "sha256:80794ab4…9298"),
        ("cr-715617e90be2", "cr-80794ab40bfc"),
        ("filed 2026-11-21 18:05:19Z", "filed 2027-01-02 03:04:05Z"),
        ("http://127.0.0.1:35923", "http://127.0.0.1:8400"),
        ("Python 3.11.7\nruns in: bubblewrap", "Python 3.12.1\nruns in: a plain process"),
    ],
)
def test_what_is_new_in_every_run_is_no_difference(was: str, now: str) -> None:
    assert steady(cell(*stream("stdout", was))) == steady(cell(*stream("stdout", now)))


@pytest.mark.parametrize(
    ("was", "now"), [("ε = 0.61", "ε = 0.62"), ("2 of 2", "1 of 2"), ("approved", "denied")]
)
def test_what_was_found_is_a_difference(was: str, now: str) -> None:
    assert steady(cell(*stream("stdout", was))) != steady(cell(*stream("stdout", now)))
    assert steady(cell(*result(was, 1))) != steady(cell(*result(now, 1)))


def test_figures_may_vary_only_where_the_source_says_so() -> None:
    was, now = stream("stdout", "auc  0.5\nx"), stream("stdout", "auc  0.61\nx")
    assert steady(cell(*was)) != steady(cell(*now))
    assert steady(cell(*was, varies=True)) == steady(cell(*now, varies=True))
    words = stream("stdout", "auc  none\nx")
    assert steady(cell(*was, varies=True)) != steady(cell(*words, varies=True))


def test_another_source_is_a_difference() -> None:
    other = Source(name="a", text="```python\ny\n```\n").cells()[0]
    assert steady(cell()) != steady(other)
