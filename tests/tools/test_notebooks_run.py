"""Every cell of the notebooks runs in a fresh process, and puts out what is stored."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tools.notebooks import FOLDER

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("syft") is None, reason="the notebooks serve sites"),
]

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["data_owner", "data_scientist"])
def test_a_notebook_runs_and_says_what_it_said(name: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tools.notebooks", "--check", name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_source_has_its_notebook() -> None:
    names = {one.stem for one in FOLDER.glob("*.md")}
    assert names == {one.stem for one in FOLDER.glob("*.ipynb")} == {"data_owner", "data_scientist"}
