"""`securefed audit attack` as a shell sees it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from securefed.adapters.privacy_attack import Attack
from securefed.adapters.privacy_attack.canary_run import Crowd
from securefed.cli.audit_attack import attack_document, attack_text
from securefed.domain.attack import AttackLine, AttackReport, Outcome
from securefed.wiring import attack as wiring_attack
from tests.cli.conftest import Run

pytestmark = pytest.mark.slow


@pytest.fixture
def smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command with fewer canaries and two of its mechanisms."""
    right = wiring_attack.attack_engine

    def attack_engine(*, quick: bool) -> Attack:
        whole = right(quick=quick)
        extent = replace(
            whole.extent,
            crowd=Crowd(canaries=200, idle=800, ordinary=50),
            mechanisms=whole.extent.mechanisms[2:],
            shadows=0,
        )
        return replace(whole, extent=extent)

    monkeypatch.setattr(wiring_attack, "attack_engine", attack_engine)


def test_an_audit_of_the_engine(run: Run, smaller: None) -> None:
    ran = run("audit", "attack", "--quick", "--json")
    assert ran.code == 0, ran.out
    said = ran.document
    assert (said["format_version"], said["kind"], said["alarms"]) == (1, "privacy-attack", 0)
    assert {one["outcome"] for one in said["lines"]} == {"passed", "figure"}
    assert all(one["shows"] and one["cannot"] and one["result"] for one in said["lines"])
    bounds = [one["figures"] for one in said["lines"] if "epsilon_accounted" in one["figures"]]
    accounted = [Decimal(one["epsilon_accounted"]) for one in bounds]
    assert accounted == pytest.approx([8, 4], abs=Decimal("0.02"))
    assert sum(one["tests"] for one in said["lines"]) * 1e-8 <= float(said["false_alarm"]) == 1e-6
    assert "Attacking the engine: 6 of 6" in ran.err


def test_the_text(run: Run, smaller: None) -> None:
    ran = run("audit", "attack", "--quick")
    assert ran.code == 0, ran.out
    assert "No alarms in 11 lines" in ran.out
    assert "noise of the released weights" in ran.out
    assert "No alarm proves no privacy" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100


def test_an_alarm_shows_in_the_exit_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, smaller: None
) -> None:
    line = AttackLine(
        tried="the gate", outcome=Outcome.ALARM, result="open", shows="this", cannot="that"
    )
    report = AttackReport(lines=(line,), false_alarm=Decimal("0.000001"))
    monkeypatch.setattr(Attack, "run", lambda attack, on_stage: report)
    ran = run("audit", "attack", "--json")
    assert ran.code == 6
    assert ran.document["lines"] == attack_document(report)["lines"]
    assert attack_text(report).startswith("1 alarm in 1 lines")
