"""Planning on the command line: figures that anyone can check against another library."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.conftest import AT, ROOT, Run

pytestmark = pytest.mark.slow

STUDY = str(ROOT / "sites/study.toml")
BARE = ("budget", "plan", "--noise-multiplier", "1", "--sampling-rate", "0.01", "--steps", "1000")


def test_the_document_holds_every_accountants_figure_as_text(run: Run) -> None:
    document = run(*BARE, "--delta", "1e-5", "--json").document
    expected = {"rdp": "2.101", "pld": "1.828", "prv": "1.838", "replace_one": "2.843"}
    for name, reference in expected.items():
        assert isinstance(document[name], str)
        assert Decimal(document[name]) == pytest.approx(Decimal(reference), abs=Decimal("0.001"))


def test_it_says_what_fits_and_whether_it_is_of_use(run: Run) -> None:
    small = ("budget", "plan", "--noise-multiplier", "2", "--sampling-rate", "0.3", "--steps", "4")
    ran = run(*small, "--delta", "1e-3", "--epsilon", "2", "--units", "30", "--parameters", "10402")
    assert "no useful ε exists" in ran.out
    assert "noise multiplier, at least" in ran.out
    assert "replace one unit" in ran.out
    assert "█" in ran.out


def test_it_draws_the_curve_into_a_file(run: Run) -> None:
    small = ("budget", "plan", "--noise-multiplier", "4", "--sampling-rate", "0.1", "--steps", "2")
    ran = run(*small, "--delta", "1e-5", "--rounds", "3", "--svg", "curve.svg")
    assert ran.code == 0, ran.err
    assert Path("curve.svg").read_text().startswith("<svg ")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--noise-multiplier", "nan"),
        ("--noise-multiplier", "0"),
        ("--noise-multiplier", "-1"),
        ("--noise-multiplier", "inf"),
        ("--sampling-rate", "1.01"),
        ("--sampling-rate", "0"),
        ("--steps", "0"),
        ("--delta", "1"),
        ("--delta", "0"),
        ("--rounds", "0"),
        ("--units", "100000"),
    ],
)
def test_a_number_out_of_range_is_named(run: Run, option: str, value: str) -> None:
    ran = run(*BARE, "--delta", "1e-4", option, value)
    assert ran.code == 2
    assert "number-invalid" in ran.err


def test_fractional_steps_are_not_rounded(run: Run) -> None:
    assert run(*BARE[:-1], "10.5", "--delta", "1e-5").code == 2


def test_a_study_is_predicted_at_every_site(run: Run) -> None:
    ran = run("study", "plan", STUDY, "--svg", "curve.svg", "--json")
    assert [one["site"] for one in ran.document["sites"]] == [
        "hospital-a",
        "hospital-b",
        "hospital-c",
    ]
    assert Path("curve.svg").exists()


def test_a_site_says_what_fits_what_is_left(ready: Run) -> None:
    who = ("--as", "dana", "--key", "dana.key")
    ran = ready("study", "plan", STUDY, *AT, *who)
    assert "attempts at a round, as they are" in ran.out
    [plan] = ready("study", "plan", STUDY, *AT, *who, "--json").document["plans"]
    assert plan["left"]["rounds"] > 5


def test_a_site_is_asked_in_somebodys_name(ready: Run) -> None:
    assert ready("study", "plan", STUDY, *AT).code == 2
