"""The import contracts hold, and each of them breaks when its violation is planted in a copy."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGE, ROOT

LAYERS = "Imports point downwards only"
INDEPENDENT = "No adapter knows another"
WIRING = "Only wiring opens adapters"
PURE = "The domain is pure"


@dataclass(frozen=True)
class Violation:
    """Files planted in a copy, the contracts that they break, and how the report names them."""

    files: dict[str, str]
    breaks: set[str]
    reason: str

    def __str__(self) -> str:
        return self.reason.replace("securefed.", "")


pytestmark = pytest.mark.slow

ADAPTER = {"adapters/planted/__init__.py": ""}
VIOLATIONS = [
    Violation(
        {"errors/family.py": "import securefed.domain.numbers"},
        {LAYERS},
        "securefed.errors.family -> securefed.domain.numbers",
    ),
    Violation(
        {"config/planted.py": "import securefed.steps"},
        {LAYERS},
        "securefed.config.planted -> securefed.steps",
    ),
    Violation(
        {"parties/planted.py": "def late():\n    import securefed.cli"},
        {LAYERS},
        "securefed.parties.planted -> securefed.cli",
    ),
    Violation({"planted.py": ""}, {LAYERS}, "not listed as layers:\n\n- securefed.planted"),
    Violation(
        {**ADAPTER, "adapters/other/__init__.py": "from securefed.adapters import planted"},
        {INDEPENDENT},
        "securefed.adapters.other -> securefed.adapters.planted",
    ),
    Violation(
        {**ADAPTER, "cli/planted.py": "from securefed.adapters import planted"},
        {WIRING},
        "securefed.cli.planted -> securefed.adapters.planted",
    ),
    Violation(
        {**ADAPTER, "parties/planted.py": "from securefed.adapters import planted"},
        {WIRING},
        "securefed.parties.planted -> securefed.adapters.planted",
    ),
    Violation(
        {**ADAPTER, "steps/planted.py": "from securefed.adapters import planted"},
        {LAYERS, WIRING},
        "securefed.steps.planted -> securefed.adapters.planted",
    ),
    *(
        Violation(
            {"domain/planted.py": f"import {name}"}, {PURE}, f"securefed.domain.planted -> {name}"
        )
        for name in ("numpy", "pydantic", "os", "sqlite3", "random", "time")
    ),
    Violation({"errors/family.py": "import socket"}, {PURE}, "securefed.errors.family -> socket"),
]


def broken_contracts(root: Path) -> tuple[set[str], str]:
    """The names of the contracts that do not hold below a root, and the whole report."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["COLUMNS"] = "200"
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    report = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    broken = set(re.findall(r"^(.*) BROKEN", report, re.MULTILINE))
    assert (done.returncode != 0) == bool(broken), report
    kept = set(re.findall(r"^(.*) KEPT", report, re.MULTILINE))
    assert broken | kept == {LAYERS, INDEPENDENT, WIRING, PURE}, report
    return broken, report


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and of its contracts."""
    shutil.copytree(PACKAGE, tmp_path / "securefed", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_a_clean_copy_keeps_every_contract(copy: Path) -> None:
    broken, report = broken_contracts(copy)
    assert broken == set(), report


@pytest.mark.parametrize("violation", VIOLATIONS, ids=str)
def test_a_planted_violation_breaks_its_contract(copy: Path, violation: Violation) -> None:
    for name, text in violation.files.items():
        target = copy / "securefed" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        before = target.read_text() if target.exists() else '"""Planted."""\n'
        target.write_text(f"{before}\n{text}\n")
    broken, report = broken_contracts(copy)
    assert broken == violation.breaks, report
    assert violation.reason in report
