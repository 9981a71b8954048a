"""`securefed demo --study`: what is missing is told before anything is made; nothing is fetched."""

from pathlib import Path

import pytest

from securefed.adapters.published_data.heart import ORIGIN
from tests.cli.conftest import Run


def test_data_that_was_not_named_is_told_with_its_origin(run: Run, tmp_path: Path) -> None:
    ran = run("demo", "--study", "heart", "--folder", str(tmp_path / "demo"))
    assert (ran.code, "not-found" in ran.err) == (2, True)
    for word in (ORIGIN.source, ORIGIN.licence, *ORIGIN.files, "--data"):
        assert word in ran.err.replace("\n", " ")
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("inner", [".", "uci-heart-disease"])
def test_another_file_is_refused(inner: str, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "data" / inner
    folder.mkdir(parents=True)
    for name in ORIGIN.files:
        (folder / name).write_text("1,2,3\n")
    demo = tmp_path / "demo"
    ran = run("demo", "--study", "heart", "--data", str(tmp_path / "data"), "--folder", str(demo))
    assert (ran.code, "asset-mismatch" in ran.err) == (6, True)
    assert "processed.cleveland.data" in ran.err
    assert not demo.exists()


def test_a_workload_that_there_is_not(run: Run, tmp_path: Path) -> None:
    ran = run("demo", "--study", "hart", "--folder", str(tmp_path / "demo"))
    assert (ran.code, "not-found" in ran.err) == (2, True)
    assert "sentiment" in ran.err
