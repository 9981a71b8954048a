"""The report in a real browser: a title that is a script stays text, and axe finds nothing wrong.

axe is the common checker of accessibility. What it can't judge, whether words say what a figure
shows, people have to.
"""

from pathlib import Path

import pytest

from securefed.adapters.report_files import report_page
from tests.audit.evidence_world import Study
from tests.cli.conftest import Run, run
from tests.report.browser import browse, needs_axe, needs_chromium, violations
from tests.report.sample import FOLDER, ROOT, SITE, written_of

__all__ = ["run"]

pytestmark = [pytest.mark.slow, needs_chromium]

TITLE = "<script>document.title='taken'</script> & \"Söhne\""
PLANTED = (
    '<main><img src="data:,"><p style="color: #bbb; background: #fff">Pale words.</p></main></body>'
)


def sample() -> str:
    return (ROOT / FOLDER / "report.html").read_text(encoding="utf-8")


def test_a_studys_title_that_is_a_script_is_shown_as_text(tmp_path: Path) -> None:
    study = Study(rounds=1).run()
    study.world.study, study.world.title = "another", TITLE
    study.world.approved(study.parties[SITE])
    page = tmp_path / "report.html"
    page.write_text(report_page(written_of(study)[1].report), encoding="utf-8")
    shown = browse(tmp_path, "--dump-dom", page.as_uri())
    assert "<title>Privacy audit of hospital-a</title>" in shown
    assert "&lt;script&gt;document.title='taken'&lt;/script&gt;" in shown
    assert "<script" not in shown


def test_what_it_looks_like_is_kept(tmp_path: Path) -> None:
    kept = ROOT / "audits" / "out"
    kept.mkdir(parents=True, exist_ok=True)
    shot = kept / "report.png"
    shot.unlink(missing_ok=True)
    browse(tmp_path, f"--screenshot={shot}", (ROOT / FOLDER / "report.html").as_uri())
    assert shot.read_bytes().startswith(b"\x89PNG")


@needs_axe
def test_a_report_breaks_no_rule(tmp_path: Path) -> None:
    assert violations(tmp_path, sample()) == {}


@needs_axe
def test_nor_does_one_of_a_study_over_three_sites(run: Run, tmp_path: Path) -> None:
    evidence = str(ROOT / FOLDER / "evidence.json")
    where = ("--evidence", evidence, "--study", "readmission", "--out", "audit", "--no-pdf")
    assert run("audit", "report", *where).code == 0
    page = (tmp_path / "audit" / "report.html").read_text(encoding="utf-8")
    assert violations(tmp_path, page) == {}


@needs_axe
def test_nor_does_one_of_a_site_where_nothing_has_happened_yet(run: Run, tmp_path: Path) -> None:
    assert run("site", "init", "hospital-a", "--title", TITLE, "--owner", "olivia").code == 0
    ran = run("audit", "report", "--site", "hospital-a", "--out", "audit", "--no-pdf")
    assert ran.code == 0, ran.err
    page = (tmp_path / "audit" / "report.html").read_text(encoding="utf-8")
    assert violations(tmp_path, page) == {}


@needs_axe
def test_a_page_that_breaks_rules_is_found_out(tmp_path: Path) -> None:
    """Without this, a checker that never ran would look like a page without mistakes."""
    found = violations(tmp_path, sample().replace("</body>", PLANTED))
    assert {"image-alt", "color-contrast", "landmark-no-duplicate-main"} <= set(found)
    assert "Pale words." in found["color-contrast"][0]
