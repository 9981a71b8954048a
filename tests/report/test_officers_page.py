"""The privacy officer's page: its commands run, and what it quotes is true of the sample."""

import re
import shutil
import sys
from decimal import Decimal
from math import exp
from pathlib import Path

import pytest

from securefed.config.audit import load_attestations
from securefed.wiring.report import standards
from tests.docs.test_pages import folder, follow
from tests.report.sample import FOLDER, ROOT

__all__ = ["folder"]

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "privacy-officer.md"


def test_the_commands_run(folder: Path) -> None:
    shutil.copy(ROOT / FOLDER / "evidence.json", folder)
    shutil.copy(ROOT / "audits" / "verify_evidence.py", folder)
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    out = follow("docs/privacy-officer.md", folder)
    assert "Who: dana asked the site hospital-a" in out
    assert "No check failed." in out
    assert "3 sites and 2 custodians verify" in out
    digest = re.search(r"^([0-9a-f]{64})  evidence.json$", out, re.MULTILINE)
    assert digest
    assert f"sha256:{digest[1]}" in (folder / "mine" / "report.html").read_text(encoding="utf-8")


def test_the_attestation_on_the_page_is_one(tmp_path: Path) -> None:
    [text] = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "attest.toml"
    path.write_text(text, encoding="utf-8")
    assert list(load_attestations(path, standards())) == ["gdpr-30-transfers"]


def test_the_factors_on_the_page_are_right() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for epsilon, factor in (("0.1", "1.1"), ("1", "2.7"), ("3", "20")):
        assert re.search(rf"ε = {re.escape(epsilon)}\s+(that|it) is {re.escape(factor)}\b", text)
        assert abs(exp(Decimal(epsilon)) - float(factor)) < 0.1 * float(factor)
