"""`securefed study submit` at three desks in memory, and what keeps a study from running."""

from pathlib import Path

import pytest

from securefed.errors import ExitCode
from tests.cli.conftest import Desks, Run
from tests.cli.studies import approved, study

pytestmark = pytest.mark.slow


def test_filing_twice_is_filing_once(run: Run, desks: Desks) -> None:
    made = desks()
    first, again = study(run, "submit", "--json"), study(run, "submit", "--json")
    assert first.document["requests"] == again.document["requests"]
    assert [len(one.office.ledger.register().requests) for one in made.sites.values()] == [1] * 3
    assert [one.filed for one in made.sites.values()] == [2] * 3


def test_a_site_that_is_away_is_named_and_the_others_are_asked(run: Run, desks: Desks) -> None:
    made = desks()
    made.sites["hospital-b"].away = True
    filed = study(run, "submit")
    assert filed.code == ExitCode.UNREACHABLE
    assert "hospital-b" in filed.out
    assert "site-unreachable" in filed.out
    assert filed.out.count("pending") == 2
    made.sites["hospital-b"].away = False
    assert study(run, "submit").code == 0


def test_without_enough_approvals_nothing_runs(run: Run, desks: Desks) -> None:
    made = desks()
    assert study(run, "submit").code == 0
    made.approve("hospital-a")
    refused = study(run, "run")
    assert refused.code == ExitCode.APPROVAL
    assert "error[approval-missing]: 1 of at least 2 sites can take part" in refused.err
    assert "hospital-c" in refused.err
    assert made.charged("hospital-a") == 0


def test_asking_anew_makes_another_request(run: Run, desks: Desks) -> None:
    made = desks()
    first = study(run, "submit", "--json").document["requests"][0]["request"]
    office = made.sites["hospital-a"].office
    office.party.deny(first, made.world.acting(reason="Too many rounds"))
    denied = study(run, "submit", "--json").document["requests"][0]
    assert (denied["request"], denied["state"]) == (first, "denied")
    refused = study(run, "run")
    assert (refused.code, "is denied" in refused.err) == (5, True)


def test_another_account_does_not_act_for_the_one_that_filed(run: Run, desks: Desks) -> None:
    approved(run, desks)
    others = ("--federation", "federation.toml", "--as", "dimitri", "--key", "dana.key")
    refused = run("study", "run", "study.toml", *others)
    assert (refused.code, "was filed by dana" in refused.err) == (2, True)


@pytest.mark.parametrize("minutes", ["0", "-1", "soon", "inf", "1e9"])
def test_no_time_for_a_round(run: Run, desks: Desks, minutes: str) -> None:
    approved(run, desks)
    assert study(run, "run", "--deadline", minutes).code == 2


def test_a_site_that_the_federation_lacks_is_named(run: Run, desks: Desks, tmp_path: Path) -> None:
    desks()
    text = (tmp_path / "federation.toml").read_text()
    (tmp_path / "federation.toml").write_text(text.replace("hospital-b", "hospital-z"))
    filed = study(run, "submit", "--json")
    assert filed.code == ExitCode.UNREACHABLE
    [error] = [one["error"] for one in filed.document["requests"] if one["error"]]
    assert "no site hospital-b" in error["what"]


def test_a_study_that_changed_after_it_was_filed_does_not_run(run: Run, desks: Desks) -> None:
    made = approved(run, desks)
    made.write(rounds=2)
    for verb in ("run", "status"):
        refused = study(run, verb)
        assert (refused.code, "has changed since it was filed" in refused.err) == (2, True)
    assert study(run, "submit").code == 0
    made.write(rounds=1)
    elsewhere = study(run, "submit", "--folder", "other.run")
    assert elsewhere.code == 0
    assert "Next: securefed study status study.toml --folder other.run" in elsewhere.err


def test_what_is_set_is_written_down_and_that_file_is_filed_and_run(run: Run, desks: Desks) -> None:
    made = desks(rounds=1)
    set_ = ("--set", "rounds.count=2", "--set", 'title="Within 60 days"')
    wrote = run("study", "write", "study.toml", *set_, "--out", "changed.toml")
    assert wrote.code == 0, wrote.err
    assert "  rounds.count = 2\n  title = Within 60 days" in wrote.out
    assert study(run, "submit", file="changed.toml").code == 0
    made.approve()
    for site in made.sites.values():
        [filed] = site.office.ledger.register().requests.values()
        asked = filed.signed.request.study
        assert (asked.rounds, asked.title) == (2, "Within 60 days")
    refused = study(run, "run")
    assert (refused.code, "has changed since it was filed" in refused.err) == (2, True)
    done = study(run, "run", "--json", file="changed.toml")
    assert (done.code, done.document["rounds"]) == (0, 2), done.err


def test_a_file_that_is_there_is_not_written_over(run: Run, desks: Desks) -> None:
    desks()
    before = Path("study.toml").read_bytes()
    for options in (("--set", "rounds.count=2"), ("--set", "rounds.counts=2")):
        refused = run("study", "write", "study.toml", *options, "--out", "study.toml")
        assert refused.code == 2, refused.out
    assert Path("study.toml").read_bytes() == before
