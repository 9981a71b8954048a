"""The pages' own commands, run one after the other as a reader would run them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from securefed.adapters.run_folder import Began, RunFolder
from securefed.adapters.update_files import folder_files
from securefed.aggregation.combining import first_state, written_state
from securefed.config import load_study
from securefed.wiring.run import first_values

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_SHIM = f'#!/bin/sh\nexec "{sys.executable}" -c "from securefed.cli.app import main; main()" "$@"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder with the example sites, and `securefed` on the path."""
    shutil.copytree(ROOT / "sites", tmp_path / "sites")
    program = tmp_path / "bin" / "securefed"
    program.parent.mkdir()
    program.write_text(_SHIM)
    program.chmod(0o755)
    return tmp_path


def follow(page: str, folder: Path) -> str:
    """Runs every shell block of a page in one shell, which stops at the first failure."""
    script = "\n".join(_BLOCK.findall((ROOT / page).read_text()))
    # Two sites of a test machine could want the usual port at the same time.
    script = script.replace("--policy pilot", "--policy pilot --listen 127.0.0.1:0")
    environment = {
        **os.environ,
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_data_owners_page(folder: Path) -> None:
    out = follow("docs/data-owner.md", folder)
    assert "is approved; 1 of 1 approvals" in out
    assert "1 of 1 rounds are done" in out
    assert "round-committed" in out
    assert "It contains the checkpoint." in out
    weights = folder / "readmission-pilot.run" / "model"
    assert [path.suffix for path in sorted(weights.iterdir())] == [
        *(".json", ".md", ".safetensors")
    ]
    assert "site.toml" in {path.name for path in (folder / "hospital-a").iterdir()}
    assert not (folder / "hospital-a" / "serving.json").exists()


def test_the_data_scientists_page(folder: Path) -> None:
    assert "hospital-c" in follow("docs/data-scientist.md", folder)
    assert (folder / "requests" / "readmission.hospital-b.request.json").is_file()


def test_the_page_of_training(folder: Path) -> None:
    out = follow("docs/training.md", folder)
    assert "one unit adds at most        1.0000 of the clip" in out
    assert "balanced_accuracy" in out


def test_the_page_of_searching(folder: Path) -> None:
    out = follow("docs/search.md", folder)
    assert "Set for this call: privacy.noise_multiplier = 4; rounds.count = 10" in out
    assert "4 trials at hospital-a, on made-up records" in out
    assert "All 4 together, if every attempt runs" in out
    assert "0 of 5" in out
    assert "clip = " in (folder / "best.toml").read_text()


def test_the_custodians_page(folder: Path) -> None:
    out = follow("docs/custodian.md", folder)
    assert "readmission registered; key 1 made and published" in out
    assert "2 of readmission's key files are overwritten and removed." in out
    assert (folder / "registry.checkpoint").read_text().startswith("securefed.ledger/registry\n4\n")


def test_the_readme_names_only_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"make ([a-z]+)", (ROOT / "README.md").read_text()))
    assert {"demo", "test", "check", "bench", "golden"} <= named & targets
    assert named <= targets


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))])
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_page_of_budgets_quotes_what_the_program_prints(folder: Path) -> None:
    out = follow("docs/privacy-budget.md", folder)
    page = (ROOT / "docs/privacy-budget.md").read_text()
    for figure in ("1.83", "2.11", "1.84", "2.85"):
        assert f" {figure}\n" in out
        assert f" {figure}" in page


def test_the_data_owners_page_makes_a_mock_of_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs/data-owner.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True
    )
    assert len((tmp_path / "mock-scans" / "index.csv").read_text().splitlines()) == 41


def earlier_run(folder: Path) -> None:
    """What a study leaves that has run: here its first weights after a round of nothing."""
    study = load_study(folder / "sites" / "pilot.toml")
    layout, row = first_values(study, None, None)
    run = RunFolder(folder / "readmission-pilot.run")
    run.make()
    run.keep_began(Began(study=study, layout=layout))
    state = first_state(study.combining.server, layout.digest, row)
    with folder_files(run.models) as files:
        files.put("state.1", written_state(state))


def test_the_page_of_models_that_go_on(folder: Path) -> None:
    earlier_run(folder)
    out = follow("docs/transfer.md", folder)
    words = " ".join(out.split())
    assert "begins with the exported model pilot-model, sha256:" in words
    assert "1 of 1 rounds are done" in out
    assert "### Readmission, one site\n\n- readmission-pilot, `sha256:" in out
    assert "hospital-a, admissions: all that was approved: ε = " in out
    assert (folder / "served" / "model.ts").is_file()
    assert "together" in out
    assert len((folder / "predictions.csv").read_text().splitlines()) > 100
