"""Evidence of a study as long and as wide as they come: the command verifies all of it."""

from pathlib import Path

import pytest

from securefed.domain.evidence import written_evidence
from tests.audit.evidence_world import Study
from tests.audit.forging import alone
from tests.cli.conftest import Run, run

__all__ = ["run"]

pytestmark = pytest.mark.slow

SITES = ("hospital-a", "hospital-b", "hospital-c", "hospital-d")
ROUNDS = 50


def test_fifty_rounds_at_four_sites(run: Run, tmp_path: Path) -> None:
    study = Study(rounds=ROUNDS, sites=SITES).run()
    data = written_evidence(study.gathered())
    (tmp_path / "evidence.json").write_bytes(data)
    ran = run("audit", "verify", "evidence.json", "--json")
    assert ran.code == 0, ran.out
    said = ran.document
    assert said["failed_first"] is None
    assert set(said["parties"]) == {*SITES, *study.logs}
    assert alone(data) == ""
    # The very last round counts like the first.
    before, told, after = data.rpartition(rb"\"steps_run\":16")
    changed = before + told.replace(b"16", b"15") + after
    (tmp_path / "evidence.json").write_bytes(changed)
    assert run("audit", "verify", "evidence.json").code == 6
    assert alone(changed) != ""
