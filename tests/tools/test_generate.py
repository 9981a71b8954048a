"""The generated files are fresh, complete, and noticed when they are not."""

from pathlib import Path

import pytest

from securefed.errors import ExitCode, all_errors
from tools import generate

pytestmark = pytest.mark.slow


def test_what_is_committed_is_what_the_code_says() -> None:
    assert generate.differences(generate.ROOT, generate.generated()) == []


def test_every_error_has_its_own_section_with_its_hint() -> None:
    page = generate.errors_page()
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert headings == [f"## {error.code}" for error in all_errors()]
    assert len(set(headings)) == len(headings)
    assert all(error.hint in page for error in all_errors())


def test_every_exit_code_has_a_meaning() -> None:
    assert set(generate.MEANINGS) == set(ExitCode)


def test_writing_makes_everything_fresh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"], tmp_path) == 1
    assert "docs/errors.md is missing" in capsys.readouterr().err
    assert generate.main([], tmp_path) == 0
    assert generate.main(["--check"], tmp_path) == 0


def test_an_edited_and_a_left_over_file_are_found(tmp_path: Path) -> None:
    files = generate.generated()
    generate.write(tmp_path, files)
    page, old = tmp_path / "docs/errors.md", tmp_path / generate.SCHEMAS / "old.schema.json"
    page.write_text(page.read_text(encoding="utf-8") + "x", encoding="utf-8")
    old.write_text("{}", encoding="utf-8")
    assert generate.differences(tmp_path, files) == [
        "docs/errors.md differs from what the code says",
        "docs/schemas/old.schema.json is no longer generated",
    ]
    generate.write(tmp_path, files)
    assert not old.exists()
    assert generate.differences(tmp_path, files) == []
