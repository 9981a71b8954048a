"""From a filed request to a decision, through the program alone."""

from pathlib import Path

import pytest

from tests.cli.conftest import (
    AT,
    COORDINATOR,
    LATTICE,
    MASK,
    ROOT,
    Run,
    approve,
    digest_of,
    newest,
    submit,
)

pytestmark = pytest.mark.slow


def study_with(tmp_path: Path, old: str, new: str) -> Path:
    """The example study with one line changed."""
    text = (ROOT / "sites/study.toml").read_text()
    assert old in text
    changed = tmp_path / "changed.toml"
    changed.write_text(text.replace(old, new))
    return changed


def test_a_plan_is_approved_by_its_digest(ready: Run) -> None:
    request = newest(ready)
    printed = ready("request", "plan", request, *AT)
    digest = digest_of(ready, request)
    assert f"Approve with: securefed request approve {request} --plan {digest}" in printed.out
    ran = approve(ready, request, digest)
    assert ran.code == 0, ran.err
    assert "1 of 1 approvals" in ran.out
    [budget] = ready("budget", "show", *AT, "--json").document["budgets"]
    assert budget["reserved"] != "0"
    assert budget["spent"] == "0"


def test_the_plan_prints_in_the_order_that_a_reviewer_needs(ready: Run) -> None:
    text = ready("request", "plan", newest(ready), *AT).out
    labels = ["Requested by", "Code", "Reads", "Leaves", "Opened by", "Mechanism", "Loss", "Policy"]
    labels += ["Budget"]
    places = [text.index(f"\n{label}") for label in [*labels, "If approved", "Approve with"]]
    assert places == sorted(places)


def test_a_stale_digest_is_refused_with_what_changed(ready: Run) -> None:
    request = newest(ready)
    digest = digest_of(ready, request)
    assert ready("site", "adopt-policy", "strict-health", *AT).code == 0
    ran = approve(ready, request, digest)
    assert ran.code == 5
    assert "policy: baseline → strict-health" in ran.err
    assert ready("request", "show", request, *AT, "--json").document["state"] == "pending"


def test_the_digest_of_another_site_is_refused(ready: Run) -> None:
    ran = approve(ready, newest(ready), "sha256:" + "0" * 64)
    assert ran.code == 5
    assert "plan-stale" in ran.err


def test_what_the_policy_refuses_has_no_approve_command(ready: Run, tmp_path: Path) -> None:
    noiseless = study_with(tmp_path, "noise_multiplier = 2.0", "noise_multiplier = 0.3")
    request = submit(ready, noiseless)
    text = ready("request", "plan", request, *AT).out
    assert "verdict: refuse" in text
    assert "Approve with" not in text
    ran = approve(ready, request, digest_of(ready, request))
    assert ran.code == 3
    assert "minimum" in ran.err or "noise" in ran.err


def test_what_does_not_fit_the_budget_is_refused(ready: Run) -> None:
    request = newest(ready)
    lower = ("budget", "grant", "admissions", "--epsilon", "1.1", "--delta", "1e-6", *AT)
    assert ready(*lower).code == 0
    ran = approve(ready, request, digest_of(ready, request))
    assert ran.code == 4
    assert "budget-insufficient" in ran.err


def test_a_denied_request_stays_denied(ready: Run) -> None:
    request = newest(ready)
    digest = digest_of(ready, request)
    assert ready("request", "deny", request, "--reason", "Purpose is unclear", *AT).code == 0
    ran = approve(ready, request, digest)
    assert ran.code == 5
    shown = ready("request", "show", request, *AT)
    assert "denied: Purpose is unclear" in shown.out


def test_revoking_gives_back_what_was_reserved(ready: Run) -> None:
    request = newest(ready)
    assert approve(ready, request, digest_of(ready, request)).code == 0
    assert ready("request", "revoke", request, "--reason", "Contract ended", *AT).code == 0
    [budget] = ready("budget", "show", *AT, "--json").document["budgets"]
    assert (budget["reserved"], budget["spent"]) == ("0", "0")


def test_the_second_review_shows_only_what_changed(ready: Run, tmp_path: Path) -> None:
    first = newest(ready)
    assert approve(ready, first, digest_of(ready, first)).code == 0
    less = study_with(tmp_path, "noise_multiplier = 2.0", "noise_multiplier = 1.9")
    diff = ready("request", "show", submit(ready, less), "--diff", *AT)
    assert f"Changed since {first}" in diff.out
    assert "training.noise_multiplier: 2 → 1.9" in diff.out
    assert diff.out.count("→") == 1


def test_the_only_owner_can_decide_without_naming_themselves(ready: Run) -> None:
    request = newest(ready)
    ran = ready("request", "approve", request, "--plan", digest_of(ready, request), *AT)
    assert ran.code == 0, ran.err


def test_an_edited_request_file_is_refused(ready: Run) -> None:
    file = Path("readmission.hospital-a.request.json")
    file.write_bytes(file.read_bytes().replace(b'"rounds":5', b'"rounds":6'))
    ran = ready("request", "receive", str(file), *AT)
    assert ran.code == 6
    assert "signature-invalid" in ran.err


def test_the_plan_says_who_can_open_the_sums(ready: Run) -> None:
    text = ready("request", "plan", newest(ready), *AT).out
    for key in (f"custodian {LATTICE}", f"custodian {MASK}", f"sums from {COORDINATOR}"):
        assert key in text


def test_a_sealed_study_that_nobody_could_open_is_not_submitted(ready: Run, tmp_path: Path) -> None:
    study = str(ROOT / "sites/study.toml")
    who = ("--as", "dana", "--key", "dana.key", "--out", "none")
    ran = ready("study", "submit", study, *who)
    assert ran.code == 2
    assert "The study names no coordinator" in ran.err
    assert "securefed custodian init" in ran.err
    ran = ready("study", "submit", study, *who, "--coordinator", COORDINATOR)
    assert "The study names no custodians" in ran.err
    twice = ("--coordinator", COORDINATOR, "--custodian", MASK, "--custodian", MASK)
    ran = ready("study", "submit", study, *who, *twice)
    assert (ran.code, "each stands once" in ran.err) == (2, True)
    assert not (tmp_path / "none").exists()
