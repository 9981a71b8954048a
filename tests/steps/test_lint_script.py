"""The linter on whole scripts: planted mistakes, sound ones, open ones, and hostile files."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from securefed.adapters.memory import MemoryAccountant
from securefed.adapters.odometer import Odometer
from securefed.domain.lint.declared import declared_from
from securefed.domain.lint.mistakes import MISTAKES
from securefed.domain.lint.verdict import Figure, LintReport
from securefed.errors import ScriptUnreadable
from securefed.ports import Accountant
from securefed.steps.lint_script import LARGEST, lint_declared, lint_file

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parents[1] / "lint_scripts"
QUICK = MemoryAccountant()
ODOMETER = Odometer()
FLOWER = ("records=400", "noise=1", "batch=32", "rounds=50", "delta=1e-5")


def scripts(folder: str) -> list[Path]:
    return sorted((SCRIPTS / folder).glob("*.py"))


def lint(path: Path, *declared: str, accountant: Accountant = QUICK) -> LintReport:
    return lint_file(path, declared_from(declared), accountant)


def planted(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "script.py"
    path.write_bytes(content)
    return path


def name_of(path: Path) -> str:
    return path.name


def epsilon(figure: Figure) -> Decimal:
    assert figure.loss is not None, figure
    return figure.loss.epsilon


# --- planted scripts -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", scripts("wrong"), ids=name_of)
def test_a_wrong_script_produces_exactly_the_mistake_it_is_named_after(path: Path) -> None:
    (finding,) = lint(path).findings
    assert finding.kind == path.name.partition(".")[0]
    assert re.fullmatch(re.escape(str(path)) + r":[0-9]+", finding.where)
    assert finding.explanation


@pytest.mark.parametrize("path", scripts("right"), ids=name_of)
def test_a_right_script_produces_nothing(path: Path) -> None:
    assert lint(path).findings == ()


@pytest.mark.parametrize("path", scripts("undetermined"), ids=name_of)
def test_an_open_script_is_asked_about_and_not_accused(path: Path) -> None:
    report = lint(path)
    assert report.findings == ()
    assert report.totals == ()
    assert all(one.line is not None and one.declare for one in report.undetermined)
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    assert report.undetermined, first


def test_every_mistake_is_planted() -> None:
    assert {path.name.partition(".")[0] for path in scripts("wrong")} == {
        one.kind for one in MISTAKES
    }
    assert len(scripts("wrong")) >= 8
    assert len(scripts("right")) >= 4


@pytest.mark.parametrize("path", scripts("wrong"), ids=name_of)
def test_the_honest_figure_is_never_the_lower_one(path: Path) -> None:
    (finding,) = lint(path).findings
    if finding.claimed.loss and finding.honest.loss:
        assert finding.honest.loss.epsilon > finding.claimed.loss.epsilon
    if finding.honest.missing:
        assert any(
            set(one.declare.split()) & set(finding.honest.missing)
            for one in lint(path).undetermined
        )


def test_what_an_open_script_lacks_can_be_declared() -> None:
    path = SCRIPTS / "undetermined" / "command-line.py"
    needed = [one.declare.split("=")[0] for one in lint(path).undetermined]
    assert sorted(needed) == ["batch", "delta", "noise", "records", "seed"]
    sizes = ("batch=50", "records=5000", "noise=1.5", "seed=random")
    report = lint(path, *sizes, "delta=1e-5")
    assert report.findings == ()
    assert report.undetermined == ()
    assert len(report.totals) == 1
    (finding,) = lint(path, *sizes, "delta=1e-3").findings
    assert finding.kind == "delta-not-below-one-over-n"


# --- reference figures ---------------------------------------------------------------------------


def test_an_engine_made_anew_shows_the_reference_figures() -> None:
    path = SCRIPTS / "wrong" / "engine-recreated.py"
    (finding,) = lint(path, accountant=ODOMETER).findings
    for figure, tight, bound in (
        (finding.claimed, "2.50", "3.05"),
        (finding.honest, "14.2", "15.6"),
    ):
        assert figure.loss is not None
        # PLD first; the Rényi bound is what Opacus' RDP accountant shows, and the published figure.
        assert f"{figure.loss.epsilon:.3g}".startswith(tight)
        assert f"{figure.loss.upper_bound:.3g}" == bound


def test_declared_numbers_give_the_same_figures_as_the_script() -> None:
    (scripted,) = lint(SCRIPTS / "wrong" / "engine-recreated.py").findings
    report = lint_declared(declared_from([*FLOWER, "accounting=per-round"]), QUICK)
    (declared,) = report.findings
    assert declared.kind == "engine-recreated"
    assert declared.claimed.loss == scripted.claimed.loss
    assert declared.honest.loss == scripted.honest.loss


@pytest.mark.parametrize(
    ("stated", "kinds"),
    [
        # One round, by RDP and by PRV.
        ("3.05", ["engine-recreated"]),
        ("2.51", ["engine-recreated"]),
        # Fifty steps in place of fifty passes.
        ("4.63", ["rounds-as-epochs"]),
        ("4.02", ["rounds-as-epochs"]),
        ("8", ["epsilon-too-low"]),
        # All of it, by PLD, PRV and RDP.
        ("14.19", []),
        ("14.21", []),
        ("15.6", []),
    ],
)
def test_a_stated_epsilon_is_compared_with_what_is_run(stated: str, kinds: list[str]) -> None:
    report = lint_declared(declared_from([*FLOWER, f"epsilon={stated}"]), ODOMETER)
    assert [one.kind for one in report.findings] == kinds


@pytest.mark.slow
@pytest.mark.parametrize(
    ("records", "low", "high"),
    [("199", "1.4", "1.6"), ("172", "1.5", "1.8"), ("85", "2.2", "2.7"), ("30", "4.2", "4.8")],
)
def test_rounds_as_epochs_on_the_four_hospitals(records: str, low: str, high: str) -> None:
    path = SCRIPTS / "undetermined" / "strategy.py"
    run = ("rounds=15", "local-steps=100", "batch=4", "epsilon=1", "seed=random")
    (finding,) = lint(path, f"records={records}", *run, accountant=ODOMETER).findings
    assert finding.kind == "rounds-as-epochs"
    assert Decimal("0.95") < epsilon(finding.claimed) <= 1
    assert Decimal(low) < epsilon(finding.honest) < Decimal(high)


def test_noise_divided_by_four_unequal_hospitals() -> None:
    (finding,) = lint(
        SCRIPTS / "wrong" / "noise-divided-by-sites.py", "delta=1e-5", "records=486"
    ).findings
    assert "0.61 of the stated noise" in finding.what
    assert epsilon(finding.honest) > epsilon(finding.claimed)


def test_flower_clients_that_weigh_the_same_keep_all_their_noise() -> None:
    path = SCRIPTS / "wrong" / "noise-divided-by-sites.flower.py"
    assert lint(path, "weights=" + ",".join(["300"] * 10)).findings == ()
    (finding,) = lint(path, "weights=" + ",".join(["300"] * 9 + ["3000"])).findings
    assert epsilon(finding.honest) > epsilon(finding.claimed)


def test_a_target_that_no_noise_reaches_has_no_figure(tmp_path: Path) -> None:
    script = (SCRIPTS / "wrong" / "engine-recreated.target.py").read_text(encoding="utf-8")
    assert "target_epsilon=2.0" in script
    changed = script.replace("target_epsilon=2.0", "target_epsilon=1e-9")
    (finding,) = lint(planted(tmp_path, changed.encode()), "rounds=2").findings
    assert finding.honest.loss is None
    assert finding.honest.missing == ("noise",)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("NOISE_MULTIPLIER = 1.0", "NOISE_MULTIPLIER = 1e-31"),
        ("NOISE_MULTIPLIER = 1.0", "NOISE_MULTIPLIER = 1e13"),
        ("NOISE_MULTIPLIER = 1.0", "NOISE_MULTIPLIER = 0"),
        ("NOISE_MULTIPLIER = 1.0", "NOISE_MULTIPLIER = -1"),
        ("NUM_ROUNDS = 50", "NUM_ROUNDS = 10**13"),
        ("TARGET_DELTA = 1e-5", "TARGET_DELTA = 1e-99"),
        ("TARGET_DELTA = 1e-5", "TARGET_DELTA = 7"),
        ("BATCH_SIZE = 32", "BATCH_SIZE = 0"),
        ("BATCH_SIZE = 32", "BATCH_SIZE = -5"),
    ],
)
def test_numbers_out_of_range_have_no_finite_figure(old: str, new: str, tmp_path: Path) -> None:
    script = (SCRIPTS / "wrong" / "engine-recreated.py").read_text(encoding="utf-8")
    assert old in script
    report = lint(planted(tmp_path, script.replace(old, new).encode()))
    (finding,) = [one for one in report.findings if one.kind == "engine-recreated"]
    assert finding.honest.loss is None
    assert finding.honest.missing or finding.honest.unbounded


# --- hostile files -------------------------------------------------------------------------------


def test_a_script_is_never_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    text = f"""
import pathlib, sys
pathlib.Path({str(trace)!r}).write_text("ran")
sys.exit(3)
@__import__("os").system("touch {trace}")
def fit(x=open({str(trace)!r}, "w")): pass
"""
    assert lint(planted(tmp_path, text.encode())).findings == ()
    assert not trace.exists()


HOSTILE = {
    "a null byte": b"x = 1\0\n",
    "no Python": b"def f(:\n",
    "a half script": b"class A:\n",
    "bytes that are no text": b"x = '\xff\xfe'\n",
    "an unknown encoding": b"# -*- coding: nonsense -*-\nx = 1\n",
    "ten megabytes": b"#" * 10_000_000,
    "one byte too many": b"#" * (LARGEST + 1),
    "brackets": b"(" * 5000 + b")" * 5000,
    "signs": b"x = " + b"-" * 3000 + b"1\n",
    "a long sum": b"x = " + b"+".join([b"1"] * 20_000) + b"\n",
    "a huge number": b"x = " + b"9" * 5000 + b"\n",
    "a long chain": b"x" + b".y" * 500,
    "very many numbers": b"x = [" + b"1," * 300_000 + b"]",
    "many trainings": b"e.make_private(noise_multiplier=x)\n" * 51,
    "names for names": b"x=1\n" * 8000 + b"e.make_private(noise_multiplier=x)\nf(x)\n" * 2000,
    "indented code": b" x = 1\n",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = planted(tmp_path, content)
    with pytest.raises(ScriptUnreadable) as caught:
        lint(path)
    assert str(path) in caught.value.where


HARMLESS = {
    "nothing": b"",
    "a byte order mark": b"\xef\xbb\xbfx = 1\n",
    "carriage returns": b"x = 1\r\ny = 2\r",
    "doubtful escapes": rb"x = '\d\q'" + b"\n",
    "towers of powers": b"x = 9**9**9**9\ne.make_private(noise_multiplier=x, data_loader=x)\n",
    "doubling names": b"a0 = 1\n"
    + b"".join(b"a%d = a%d + a%d\n" % (at, at - 1, at - 1) for at in range(1, 500))
    + b"e.make_private(noise_multiplier=a499, data_loader=a3)\n",
    "a circle of functions": b"def f(): g()\ndef g(): f()\nfor r in range(num_rounds):\n    f()\n",
    "a circle of values": b"def f(a=0): return f(f(a))\nx = f(x)\ne.make_private(data_loader=x)\n",
}


@pytest.mark.parametrize("content", HARMLESS.values(), ids=list(HARMLESS))
def test_an_odd_file_is_read(content: bytes, tmp_path: Path) -> None:
    assert lint(planted(tmp_path, content)).findings == ()


@pytest.mark.parametrize("name", ["nowhere.py", "."])
def test_a_file_that_is_not_there(name: str, tmp_path: Path) -> None:
    with pytest.raises(ScriptUnreadable):
        lint(tmp_path / name)


def test_what_is_quoted_from_a_script_is_short_and_visible(tmp_path: Path) -> None:
    text = (
        "e.make_private(noise_multiplier=config['\u202e\x1b[31m"
        + "x" * 500
        + "'], data_loader=y)\n"
    )
    remarks = lint(planted(tmp_path, text.encode())).undetermined
    assert remarks
    for one in remarks:
        assert one.what.isprintable()
        assert len(one.what) < 200


def test_reports_are_the_same_each_time() -> None:
    path = SCRIPTS / "wrong" / "engine-recreated.py"
    assert lint(path) == lint(path)
