"""`securefed audit report` as a shell sees it: files, an answer, and refusals."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run, run
from tests.report.sample import FOLDER, ROOT

__all__ = ["run"]

pytestmark = pytest.mark.slow

TITLE = "<script>document.title='taken'</script> & \"Söhne\""
SAMPLE = ROOT / FOLDER / "evidence.json"


@pytest.fixture
def site(run: Run) -> Run:
    """A founded site whose title is a script."""
    made = run("site", "init", "hospital-a", "--title", TITLE, "--owner", "olivia")
    assert made.code == 0, made.err
    return run


def test_a_site_writes_its_own_report(site: Run, tmp_path: Path) -> None:
    ran = site("audit", "report", "--site", "hospital-a", "--out", "audit", "--no-pdf", "--json")
    assert ran.code == 0, ran.err
    files = {Path(one).name for one in ran.document["files"]}
    assert {"report.html", "evidence.json"} <= files
    assert len(ran.document["in_short"]) == 5
    assert ran.document["in_short"][0].startswith("Who: Nobody has been allowed to train")
    page = (tmp_path / "audit" / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;document.title" in page
    verified = site("audit", "verify", "audit/evidence.json")
    assert verified.code == 0, verified.out


def test_an_officer_writes_it_from_evidence_alone(run: Run, tmp_path: Path) -> None:
    attest = tmp_path / "attest.toml"
    attest.write_text(
        '[[attestation]]\nquestion = "gdpr-30-transfers"\nanswer = "In one country."\n'
        'by = "olivia"\non = 2026-11-20\n'
    )
    ran = run(
        *("audit", "report", "--evidence", str(SAMPLE), "--of", "hospital-b", "--no-pdf"),
        *("--attest", str(attest), "--out", "audit"),
    )
    assert ran.code == 0, ran.err
    assert "Who: dana asked the site hospital-b" in ran.out
    assert "securefed audit verify audit/evidence.json" in ran.err
    out = tmp_path / "audit"
    assert (out / "evidence.json").read_bytes() == SAMPLE.read_bytes()
    assert "olivia attests on 2026-11-20" in (out / "report.html").read_text(encoding="utf-8")
    assert (out / "deployment.yaml").read_text(encoding="utf-8").startswith("url_slug:")


def test_a_pdf_of_an_earlier_report_does_not_stay(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("securefed.adapters.report_files.pdf.find_spec", lambda _: None)
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "report.pdf").write_bytes(b"%PDF of something else")
    ran = run("audit", "report", "--evidence", str(SAMPLE), "--of", "hospital-a", "--out", "audit")
    assert ran.code == 0, ran.err
    assert "Install securefed[pdf]" in ran.err
    assert sorted(one.name for one in (tmp_path / "audit").iterdir()) == [
        "deployment.yaml",
        "evidence.json",
        "report.html",
    ]


def test_tampered_evidence_is_exit_six_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    wrong = tmp_path / "evidence.json"
    wrong.write_bytes(SAMPLE.read_bytes().replace(rb"\"steps_run\":60", rb"\"steps_run\":59", 1))
    ran = run("audit", "report", "--evidence", str(wrong), "--of", "hospital-a", "--out", "audit")
    assert ran.code == 6
    assert "error[evidence-invalid]: No report is written" in ran.err
    assert not (tmp_path / "audit").exists()


def test_several_sites_and_no_name_is_a_question(run: Run) -> None:
    ran = run("audit", "report", "--evidence", str(SAMPLE), "--out", "audit")
    assert ran.code == 2
    assert "Name one with --of" in ran.err


def test_a_study_is_reported_over_all_its_sites(run: Run, tmp_path: Path) -> None:
    ran = run(
        *("audit", "report", "--evidence", str(SAMPLE), "--study", "readmission"),
        *("--out", "audit", "--no-pdf", "--json"),
    )
    assert ran.code == 0, ran.err
    assert "WeasyPrint" not in ran.err
    sites = [one["site"] for one in ran.document["sites"]]
    assert sites == ["hospital-a", "hospital-b", "hospital-c"]
    page = (tmp_path / "audit" / "report.html").read_text(encoding="utf-8")
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    overview = page[: page.index('id="hospital-a-report"')]
    for site in sites:
        assert f"the ledger of {site}" in overview
        assert (tmp_path / "audit" / f"deployment-{site}-admissions.yaml").exists()
    assert "That the site told its ledger the truth" in overview


def test_of_a_study_at_one_site_its_report_is_the_sites(run: Run, tmp_path: Path) -> None:
    ran = run(
        *("audit", "report", "--evidence", str(SAMPLE), "--study", "length-of-stay"),
        *("--out", "audit", "--no-pdf", "--json"),
    )
    assert ran.code == 0, ran.err
    assert ran.document["site"] == "hospital-a"
    assert ran.document["study"] == "length-of-stay"


def test_a_study_that_nobody_knows_is_named(run: Run) -> None:
    ran = run("audit", "report", "--evidence", str(SAMPLE), "--study", "other", "--out", "audit")
    assert ran.code == 2
    assert "There is no study other" in ran.err


def test_a_wrong_day_is_named(run: Run) -> None:
    ran = run("audit", "report", "--since", "yesterday", "--out", "audit")
    assert ran.code == 2
    assert "is not a day like 2026-11-21" in ran.err


def test_the_result_of_an_attack_is_taken_in(run: Run, tmp_path: Path) -> None:
    line = {"tried": "the noise", "outcome": "passed", "result": "as claimed", "shows": "much"}
    line |= {"cannot": "all", "chance": None, "tests": 1, "figures": {}}
    attack = {"format_version": 1, "kind": "privacy-attack", "alarms": 0, "false_alarm": "1e-6"}
    (tmp_path / "attack.json").write_text(json.dumps({**attack, "lines": [line]}))
    ran = run(
        *("audit", "report", "--evidence", str(SAMPLE), "--of", "hospital-a", "--out", "audit"),
        *("--attack", "attack.json", "--no-pdf", "--json"),
    )
    assert ran.code == 0, ran.err
    assert "attacked" not in ran.document["not_evidenced"]
    assert "the noise" in (tmp_path / "audit" / "report.html").read_text(encoding="utf-8")
