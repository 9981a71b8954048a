"""The report on a study: what it says, where it has it from, and what it leaves out."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from securefed.domain.attack import AttackLine, AttackReport, Outcome
from securefed.domain.evidence import written_evidence
from securefed.domain.identifiers import Digest, Name, SiteId, StudyId
from securefed.domain.report.model import AuditReport, Chart, Claims, Remark, Section, Table
from securefed.domain.report.subject import Asked
from securefed.domain.standards import Answered
from securefed.errors import EvidenceInvalid, NotFound
from securefed.steps.gather_evidence import gather_evidence, site_part
from securefed.steps.write_report import file_digest, write_report
from tests.audit.evidence_world import OFFICER, SilentSecond, Study
from tests.report.sample import SITE, SampleStudy, about, one_site, register, sample, written_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report() -> AuditReport:
    return one_site(sample()[1])


@pytest.fixture(scope="module")
def study() -> SampleStudy:
    made = SampleStudy(rounds=3)
    made.run()
    return made


def statements(report: AuditReport) -> dict[str, str]:
    return {one.claim: one.words for section in report.sections for one in section.statements()}


def find(report: AuditReport, caption: str) -> Table:
    tables = [one for section in report.sections for one in section.tables()]
    [found] = [one for one in tables if one.caption.startswith(caption)]
    return found


def cells(table: Table) -> list[list[str]]:
    return [[one.label, *(cell.text for cell in one.cells)] for one in table.lines]


def alone(study: Study) -> bytes:
    """The evidence of one site, as its owner writes it."""
    ledger, signer = study.parties[SITE].ledger, study.signer(SITE)
    part = site_part(ledger, signer, (), None, study.world.accountant)
    now = study.world.clock.now()
    return written_evidence(gather_evidence([part], None, (Name(SITE), signer), (), now))


def report_of(study: Study, data: bytes, asked: Asked | None = None) -> AuditReport:
    made = write_report(
        data,
        file_digest(data),
        None,
        asked or about(study),
        register(),
        study.examining(SilentSecond()),
    )
    return one_site(made)


# --- what every report has -----------------------------------------------------------------------


def test_all_sections_stand_there_in_order(report: AuditReport) -> None:
    assert [one.number for one in report.sections] == list(range(14))
    assert all(one.blocks for one in report.sections)


def test_page_one_says_who_what_how_much_and_what_is_not_proven(report: AuditReport) -> None:
    five = [one for one in report.sections[0].statements() if one.claim.startswith("in-short")]
    assert [one.heading for one in five] == [
        "Who",
        "What",
        "How much budget",
        "What that means",
        "Not proven",
    ]
    said = " ".join(one.text for one in five)
    for fact in ("dana", "ravi", "Readmission within thirty days", "5 encrypted updates"):
        assert fact in said
    assert re.search(r"ε = 3 at δ = 1e-6, \d+\.\d % is used by what ran", said)
    assert "ε = 1.98 at δ = 1e-6" in said
    assert "two custodians are independent" in said
    others = [one for one in report.sections[0].statements() if one not in five]
    assert len(others) >= 4


def test_every_value_has_its_entries_or_says_that_it_has_none(report: AuditReport) -> None:
    known = {one.index for one in report.cited}
    for source in report.sources():
        assert source or str(source) == "not evidenced"
        assert not source.entries or {min(source.entries), max(source.entries)} <= known
        if not source.how:
            assert set(source.entries) <= known


def test_cited_entries_carry_the_hashes_of_the_evidence(report: AuditReport) -> None:
    study_hashes = [one.hash for one in report.cited]
    assert len(set(study_hashes)) == len(study_hashes)
    assert report.cited[0].index == 0
    assert report.cited[0].kind == "site-founded"


def test_what_promises_is_a_claim_and_nothing_else_promises(report: AuditReport) -> None:
    promising = re.compile(
        r"\b(cannot|can't|never|nobody|always|guarantee\w*|protects?|ensures?|satisf\w+|proves?)\b"
    )
    claims = set(register().claims)
    for section in report.sections:
        for block in section.blocks:
            if isinstance(block, Claims):
                assert {one.claim for one in block.statements} <= claims
            if isinstance(block, Remark):
                # The one that explains attestations says what nobody did.
                words = block.text.replace("nobody checked here", "")
                assert not promising.search(words), block.text


def test_limitations_are_never_empty(report: AuditReport, study: SampleStudy) -> None:
    empty = report_of(Study(rounds=1), alone(Study(rounds=1)))
    for one in (report, empty):
        assert len(list(one.sections[13].statements())) >= 8


def test_an_empty_section_cannot_be_made() -> None:
    with pytest.raises(Exception, match="is empty"):
        Section(13, "Limitations", ())


def test_the_formal_statement_names_everything(report: AuditReport) -> None:
    said = statements(report)["formal-statement"]
    for fact in (
        "hospital-a",
        "admissions",
        "(1.98, 1e-6)-differentially private",
        "adding or removing one patient",
        "3.29 under replacing one",
        "noise multiplier 1.2",
        "rate 0.02",
        "330 steps",
        "dp-accounting 0.6.0 PLD",
        "securefed 0.1.0",
    ):
        assert fact in said


def test_failed_attempts_are_charged_and_shown(report: AuditReport) -> None:
    rows = cells(find(report, "ε on admissions"))
    assert len(rows) == 6
    assert rows[2][2:4] == ["30 of 60", "aborted: out-of-memory"]
    so_far = [Decimal(row[-1]) for row in rows]
    assert so_far == sorted(so_far)


def test_of_very_many_attempts_some_are_shown_and_it_says_so() -> None:
    study = Study(rounds=45, sites=("hospital-a", "hospital-b"))
    study.run()
    table = find(report_of(study, alone(study)), "ε on admissions")
    assert table.caption.endswith("23 of 45 attempts, spread evenly")
    assert (len(table.lines), table.lines[-1].label) == (23, "45")


def test_each_figure_stands_beside_a_table_of_its_numbers(report: AuditReport) -> None:
    charts = [one for s in report.sections for one in s.blocks if isinstance(one, Chart)]
    assert [one.figure for one in charts] == [
        "rounds-admissions",
        "profile-admissions",
        "budget-admissions",
    ]
    for chart in charts:
        assert len(chart.alternative) > 60
        points = max(len(series.up) for series in chart.series)
        assert points - 1 <= len(chart.table.lines) <= points


def test_the_profile_falls_and_meets_the_stated_loss(report: AuditReport) -> None:
    rows = cells(find(report, "Privacy profile"))
    pairs = [(Decimal(epsilon), Decimal(delta)) for epsilon, delta in rows]
    assert [delta for _, delta in pairs] == sorted((d for _, d in pairs), reverse=True)
    above = [delta for epsilon, delta in pairs if epsilon >= Decimal("1.98")]
    assert all(delta <= Decimal("1e-6") for delta in above)


def test_checklists_are_answered_attested_or_not_covered(report: AuditReport) -> None:
    rows = cells(find(report, "Questions after GDPR"))
    answers = {row[1] for row in rows}
    assert answers == {one.value for one in Answered}
    [transfers] = [row for row in rows if "third countries" in row[0]]
    assert "olivia, owner of the site attests on 2026-11-20" in transfers[2]


def test_openings_and_witnesses_come_from_others(report: AuditReport) -> None:
    said = statements(report)
    assert "5 sums of whole rounds were opened" in said["opened-once"]
    assert said["witnessed"].endswith("hospital-b.")
    assert len(find(report, "Sums that custodians opened").lines) == 10


# --- less evidence, less said --------------------------------------------------------------------


def test_a_site_by_itself_evidences_less(study: SampleStudy) -> None:
    said = statements(report_of(study, alone(study)))
    for claim in ("opened-once", "witnessed", "second-agrees", "attacked"):
        assert said[claim].startswith("Not evidenced: "), claim
    assert not said["within-allowance"].startswith("Not evidenced")


def test_a_site_where_nothing_happened_promises_nothing() -> None:
    world = Study(rounds=1).world
    party = world.founded("hospital-z")
    part = site_part(party.ledger, world.keys.signer("hospital-z"), (), None, world.accountant)
    by = (Name("hospital-z"), world.keys.signer("hospital-z"))
    data = written_evidence(gather_evidence([part], None, by, (), world.clock.now()))
    said = statements(report_of(Study(rounds=1), data))
    assert "in-short-who-nobody" in said
    assert said["in-short-budget-none"].startswith("How much budget: None")
    assert "formal-statement" not in said


def test_an_attack_stands_beside_the_figures(study: SampleStudy) -> None:
    line = AttackLine(
        tried="noise", outcome=Outcome.ALARM, result="half", shows="a defect", cannot="its cause"
    )
    attack = (Digest("sha256:" + "a" * 64), AttackReport(lines=(line,), false_alarm=Decimal(0)))
    report = report_of(study, alone(study), replace(about(study), attack=attack))
    assert "with 1 alarm;" in statements(report)["attacked"]
    assert cells(find(report, "Attacks on"))[0][1:3] == ["alarm", "half"]


def test_a_cut_to_a_study_keeps_the_whole_budget(study: SampleStudy) -> None:
    whole = report_of(study, alone(study))
    cut = report_of(study, alone(study), replace(about(study), study=StudyId("readmission")))
    caption = "Budget of each dataset"
    assert cells(find(whole, caption)) == cells(find(cut, caption))
    assert "limit-one-study" in statements(cut)


def test_a_report_on_one_trial_of_a_search_lists_the_others_too() -> None:
    study = Study(rounds=1).run()
    study.world.study = "readmission-t02"
    other = study.world.approved(study.parties[SITE])
    asked = replace(about(study), study=StudyId("readmission"))
    rows = cells(find(report_of(study, alone(study), asked), "Runs on real data"))
    assert [row[:2] for row in rows] == [
        [study.requests[SITE], "readmission"],
        [other, "readmission-t02"],
    ]
    assert [row[3] for row in rows] == ["1 of 1", "0 of 1"]


def test_a_cut_in_time_leaves_out_rounds_and_keeps_the_budget(study: SampleStudy) -> None:
    whole = report_of(study, alone(study))
    since = study.world.clock.now() - timedelta(hours=16)
    cut = report_of(study, alone(study), replace(about(study), since=since))
    assert 0 < len(find(cut, "ε on admissions").lines) < len(find(whole, "ε on admissions").lines)
    assert cells(find(whole, "Budget of each")) == cells(find(cut, "Budget of each"))
    assert "limit-since" in statements(cut)


def test_a_checkpoint_in_the_reader_s_hands_vouches_too(study: SampleStudy) -> None:
    data = alone(study)
    held = (study.parties[SITE].ledger.checkpoint(),)
    examining = study.examining(SilentSecond(), held=held)
    made = write_report(data, file_digest(data), None, about(study), register(), examining)
    assert statements(made.report)["witnessed"].endswith("whoever had this report written.")


# --- what gets no report -------------------------------------------------------------------------


def test_evidence_that_was_tampered_with_gets_no_report(study: SampleStudy) -> None:
    whole = alone(study)
    data = whole.replace(rb"\"steps_run\":60", rb"\"steps_run\":61", 1)
    assert data != whole
    with pytest.raises(EvidenceInvalid, match="No report is written"):
        report_of(study, data)


def test_of_several_sites_one_must_be_named(study: SampleStudy) -> None:
    data = written_evidence(study.gathered())
    with pytest.raises(NotFound, match="hospital-a, hospital-b, hospital-c"):
        report_of(study, data)
    with pytest.raises(NotFound):
        write_report(
            data,
            file_digest(data),
            SiteId("hospital-x"),
            about(study),
            register(),
            study.examining(SilentSecond()),
        )


def test_a_study_that_never_was_gets_no_report(study: SampleStudy) -> None:
    with pytest.raises(NotFound, match="no study nothing"):
        report_of(study, alone(study), replace(about(study), study=StudyId("nothing")))


def test_the_report_names_the_bytes_that_it_was_made_from(study: SampleStudy) -> None:
    data, made = written_of(study)
    assert made.report.evidence == file_digest(data)
    rows = dict(cells(find(one_site(made), "What this report was made from")))
    assert rows["SHA-256 of evidence.json"] == file_digest(data)
    assert rows["gathered by"].startswith(OFFICER)
