"""The other files: YAML that every reader reads alike, its schema, and a PDF where it can be."""

import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.adapters.report_files import write_pdf, yaml_text
from securefed.adapters.report_files.pdf import pdf_is_possible
from securefed.config.audit import load_attack, load_attestations, load_standard
from securefed.config.deployment import check_deployment
from securefed.domain.report.deployment import TO_FILL
from securefed.errors import ConfigInvalid, RecordInvalid

yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extra 'site'")
ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "audits" / "sample" / "deployment.yaml"

texts = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=40)
leaves = texts | st.integers(-(2**53), 2**53)
records = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True),
    leaves | st.lists(leaves, min_size=1, max_size=3),
    min_size=1,
    max_size=5,
)


@given(records)
def test_what_is_written_is_read_back(record: dict) -> None:
    assert yaml.safe_load(yaml_text({"one": record})) == {"one": record}


@pytest.mark.parametrize(
    "text", ["no", "1e-5", "2026-11-21", "- a", "a: b", '"', "\\", "#", "&x", "*x", "~", "", "\n"]
)
def test_words_that_yaml_would_take_for_something_else_stay_words(text: str) -> None:
    assert yaml.safe_load(yaml_text({"a": text})) == {"a": text}


@pytest.mark.parametrize(
    ("number", "text"),
    [("0.67", "0.67"), ("3", "3.0"), ("1E-6", "1.0e-06"), ("1.5e-12", "1.5e-12"), ("0", "0.0")],
)
def test_numbers_are_numbers_to_every_reader(number: str, text: str) -> None:
    written = yaml_text({"a": Decimal(number)})
    assert written == f"a: {text}\n"
    assert yaml.safe_load(written) == {"a": float(number)}


def test_a_key_that_is_no_plain_word_is_refused() -> None:
    with pytest.raises(ValueError, match="not a key"):
        yaml_text({"a: b": "c"})


def test_the_sample_record_is_of_the_third_tier_and_fits_the_schema() -> None:
    record = yaml.safe_load(SAMPLE.read_text(encoding="utf-8"))
    loss = record["deployment"]["privacy_loss"]["privacy_parameters"]
    assert (loss["epsilon"], loss["delta"]) == (1.98, 1e-6)
    assert record["deployment"]["administrative"]["tier"] == 3
    loss["epsilon"], loss["delta"] = Decimal("1.98"), Decimal("1e-6")
    check_deployment(record)
    assert TO_FILL in SAMPLE.read_text(encoding="utf-8")


def test_a_record_that_lacks_a_field_or_has_another_is_refused() -> None:
    record = yaml.safe_load(SAMPLE.read_text(encoding="utf-8"))
    record["deployment"]["privacy_loss"]["privacy_parameters"] = {
        "epsilon": Decimal(1),
        "delta": Decimal("0.1"),
    }
    check_deployment(record)
    del record["deployment"]["accounting"]
    record["deployment"]["basic"]["colour"] = "blue"
    with pytest.raises(RecordInvalid, match=r"deployment\.basic\.colour") as refused:
        check_deployment(record)
    assert "deployment.accounting" in str(refused.value)


def test_without_weasyprint_there_is_no_pdf_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("securefed.adapters.report_files.pdf.find_spec", lambda _: None)
    assert write_pdf("<html></html>", b"{}", tmp_path / "a.pdf") is False
    assert not (tmp_path / "a.pdf").exists()


def test_without_pango_there_is_no_pdf_and_no_word_on_stdout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """WeasyPrint then says what is missing, and can't be imported."""
    library = tmp_path / "weasyprint.py"
    library.write_text("print('could not import')\nraise OSError('cannot load libpango')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
    assert write_pdf("<html></html>", b"{}", tmp_path / "a.pdf") is False
    assert not (tmp_path / "a.pdf").exists()
    assert capsys.readouterr().out == ""


@pytest.mark.slow
@pytest.mark.skipif(not pdf_is_possible(), reason="WeasyPrint or Pango is not installed")
def test_the_pdf_holds_the_evidence_and_fetches_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    page = (ROOT / "audits" / "sample" / "report.html").read_text(encoding="utf-8")
    assert write_pdf(page, b'{"evidence":1}', tmp_path / "a.pdf")
    data = (tmp_path / "a.pdf").read_bytes()
    assert data.startswith(b"%PDF")
    assert b"/EmbeddedFile" in data
    assert capfd.readouterr().err == ""
    from weasyprint.urls import FatalURLFetchingError

    with pytest.raises(FatalURLFetchingError):
        write_pdf('<img src="file:///etc/hostname">', b"{}", tmp_path / "b.pdf")
    assert not (tmp_path / "b.pdf").exists()


# --- what an owner brings along ------------------------------------------------------------------


ANSWER = 'answer = "In one country."\nby = "olivia"\non = 2026-11-20\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'[[attestation]]\nquestion = "made-up"\n{ANSWER}', "a question of a checklist"),
        (f'[[attestation]]\nquestion = "gdpr-30-transfers"\n{ANSWER}' * 2, "each question once"),
        ('[[attestation]]\nquestion = "gdpr-30-transfers"\nanswer = "a"\nby = "b"\n', "on"),
        (
            '[[attestation]]\nquestion = "gdpr-30-transfers"\nanswer = "a"\nby = "b"\non = "x"\n',
            "a day like 2026-11-21",
        ),
    ],
)
def test_wrong_attestations_are_refused_with_the_place(
    tmp_path: Path, text: str, expected: str
) -> None:
    path = tmp_path / "attest.toml"
    path.write_text(text)
    standard = load_standard(ROOT / "audits" / "standards" / "gdpr.toml")
    with pytest.raises(ConfigInvalid) as refused:
        load_attestations(path, [standard])
    assert expected in str(refused.value.what)


@pytest.mark.parametrize("text", ["{", "[]", '{"kind":"other"}'])
def test_what_is_no_audit_of_the_engine_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "attack.json"
    path.write_text(text)
    with pytest.raises(ConfigInvalid):
        load_attack(path)
