"""`securefed audit lint` as a shell sees it: text, JSON, exit codes, and the page about it."""

import re
import shlex
from decimal import Decimal
from pathlib import Path

import pytest

from securefed.domain.lint.mistakes import MISTAKES
from tests.cli.conftest import ROOT, Run

pytestmark = pytest.mark.slow

SCRIPTS = ROOT / "tests" / "lint_scripts"
PAGE = ROOT / "docs" / "accounting-linter.md"
FLOWER = ("records=400", "noise=1", "batch=32", "rounds=50", "delta=1e-5", "epsilon=3.05")


def declared(*pairs: str) -> list[str]:
    return [word for pair in pairs for word in ("--declared", pair)]


def test_a_mistake_is_exit_six_and_says_where(run: Run) -> None:
    path = SCRIPTS / "wrong" / "engine-recreated.py"
    ran = run("audit", "lint", str(path))
    assert ran.code == 6
    assert "1 mistake found" in ran.out
    assert f"engine-recreated  {path}:" in ran.out
    assert "14.19" in ran.out
    assert "15.58" in ran.out


def test_a_sound_script_is_exit_zero_with_its_whole_cost(run: Run) -> None:
    ran = run("audit", "lint", str(SCRIPTS / "right" / "central.py"))
    assert ran.code == 0
    assert "0 mistakes found" in ran.out
    assert "in all  ε = " in ran.out


def test_what_is_open_is_exit_zero_and_printed_with_what_to_declare(run: Run) -> None:
    path = SCRIPTS / "undetermined" / "command-line.py"
    ran = run("audit", "lint", str(path))
    assert ran.code == 0
    lines = path.read_text(encoding="utf-8").splitlines()
    seeded = lines.index("torch.manual_seed(args.seed)") + 1
    assert "Could not determine" in ran.out
    assert f"line {seeded}: whether the seed of the noise is fixed" in ran.out
    assert "declare noise" in ran.out


def test_a_file_that_is_not_python_is_exit_two(run: Run) -> None:
    Path("broken.py").write_text("def f(:\n", encoding="utf-8")
    ran = run("audit", "lint", "broken.py")
    assert ran.code == 2
    assert ran.err.splitlines()[-3:] == [
        "error[script-unreadable]: The file is not Python",
        "  where: broken.py:1",
        "  to do: Give one Python file; declare numbers with --declared where there is no script.",
    ]


def test_nothing_to_lint_is_exit_two(run: Run) -> None:
    ran = run("audit", "lint")
    assert ran.code == 2
    assert "error[config-invalid]" in ran.err


@pytest.mark.parametrize("pair", ["noise=nan", "rounds=1.5", "noize=1", "accounting=maybe"])
def test_a_bad_declaration_is_exit_two(run: Run, pair: str) -> None:
    assert run("audit", "lint", *declared(pair)).code == 2


def test_declared_numbers(run: Run) -> None:
    ran = run("audit", "lint", *declared(*FLOWER, "accounting=per-round"))
    assert ran.code == 6
    assert "engine-recreated" in ran.out
    assert "a round is taken as one pass" in ran.out


def test_json_holds_all_that_the_text_says(run: Run) -> None:
    arguments = ("audit", "lint", *declared(*FLOWER))
    document = run(*arguments, "--json").document
    assert document["format_version"] == 1
    assert document["kind"] == "accounting-lint"
    (finding,) = document["findings"]
    assert finding["mistake"] == "engine-recreated"
    assert finding["honest"]["loss"]["adjacency"] == "add-remove"
    assert Decimal(finding["honest"]["loss"]["epsilon"]) > 14
    text = run(*arguments).out
    assert finding["what"] in text
    assert finding["honest"]["words"] in text
    assert all(note["what"] in text for note in document["notes"])


def test_the_page_names_every_mistake() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [one.kind for one in MISTAKES if f"## {one.kind}\n" not in page] == []


def commands() -> list[str]:
    """The page's commands on declared numbers, each with the figures that stand below it."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    joined = "".join(blocks).replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.startswith("securefed audit lint --")]


@pytest.mark.parametrize("command", commands())
def test_the_pages_figures_are_what_its_commands_print(run: Run, command: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    ran = run(*shlex.split(command)[1:])
    assert ran.code == 6
    for line in ran.out.splitlines():
        if line.startswith("  honest"):
            figure = re.search(r"ε = ([0-9.]+) \(Rényi bound ([0-9.]+)\)|ε infinite", line)
            assert figure is not None, line
            assert figure.group(0) in page


def test_the_page_has_commands() -> None:
    assert len(commands()) >= 4
