"""The program's manners: help, JSON, exit codes, three-line errors, the next command."""

import json
import re
from pathlib import Path

import click
import pytest
import typer.main

from securefed.cli.app import app
from securefed.wiring import opened_site
from tests.cli.conftest import AT, ROOT, Run

pytestmark = pytest.mark.slow


def commands(group: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(group, click.Group):
        return [
            found for name, one in group.commands.items() for found in commands(one, (*path, name))
        ]
    return [path]


COMMANDS = commands(typer.main.get_command(app))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_an_example_and_json(run: Run, path: tuple[str, ...]) -> None:
    ran = run(*path, "--help")
    assert ran.code == 0
    assert f"Example: securefed {' '.join(path)}" in " ".join(ran.out.split())
    assert "--json" in ran.out


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_stands_in_a_page(path: tuple[str, ...]) -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    words = "".join(page.read_text() for page in pages if page.name != "errors.md")
    assert f"securefed {' '.join(path)}" in words


def test_no_arguments_prints_help(run: Run) -> None:
    ran = run()
    assert "Usage" in ran.out + ran.err


def test_the_version(run: Run) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", run("--version").out)


def test_an_unknown_option_is_a_usage_error(run: Run) -> None:
    assert run("site", "check", "--nonsense").code == 2


def test_an_error_says_what_where_and_what_to_do(run: Run) -> None:
    ran = run("site", "check", "--site", "nowhere")
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.splitlines()[0].startswith("error[not-found]: ")
    assert "\n  where: nowhere\n  to do: " in ran.err
    assert "Traceback" not in ran.err


def test_debug_shows_the_traceback(run: Run) -> None:
    from securefed.errors import NotFound

    with pytest.raises(NotFound):
        run("--debug", "site", "check", "--site", "nowhere")


def test_a_defect_is_one_line_and_exit_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:

    def broken(_: Path) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(opened_site, "open_site", broken)
    ran = run("site", "check")
    assert ran.code == 1
    assert "error[unexpected]: ZeroDivisionError: planted" in ran.err
    assert "Traceback" not in ran.err


def test_an_interrupt_is_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:

    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(opened_site, "open_site", interrupted)
    assert run("site", "check").code == 130


def test_json_is_one_document_with_its_version(ready: Run) -> None:
    for arguments in (
        ("site", "check"),
        ("account", "list"),
        ("request", "list"),
        ("budget", "show"),
        ("ledger", "log"),
        ("ledger", "verify"),
        ("ledger", "checkpoint"),
        ("doctor",),
    ):
        ran = ready(*arguments, *AT, "--json")
        assert json.loads(ran.out)["format_version"] == 1, arguments
        assert "kind" in ran.document


def test_success_names_the_next_command(ready: Run) -> None:
    assert "Next: securefed " in ready("site", "check", *AT).err


def test_the_ledger_log_names_who_decided_what(ready: Run) -> None:
    assert "allowance-grant by olivia" in ready("ledger", "log", *AT).out


def test_epsilon_is_exact_and_never_nan(ready: Run) -> None:
    for bad in ("nan", "inf", "-1", "0", "three"):
        ran = ready("budget", "grant", "admissions", "--epsilon", bad, "--delta", "1e-6", *AT)
        assert ran.code == 2, bad
        assert "number-invalid" in ran.err


def test_a_site_is_not_made_twice(ready: Run) -> None:
    assert ready("site", "init", "hospital-a").code == 2


def test_a_disabled_account_files_nothing(ready: Run) -> None:
    assert ready("account", "disable", "dana", "--reason", "Left", *AT).code == 0
    assert "disabled" in ready("account", "list", *AT).out
    ran = ready("request", "receive", "readmission.hospital-a.request.json", *AT)
    assert ran.code == 2
    assert "not-allowed-here" in ran.err


def test_a_drifted_file_fails_the_check(ready: Run, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    for name in ("dataset.toml", "mock.csv"):
        (folder / name).write_bytes((ROOT / "sites/hospital-b" / name).read_bytes())
    toml = folder / "dataset.toml"
    toml.write_text(toml.read_text().replace('dataset = "admissions"', 'dataset = "copies"'))
    assert ready("site", "add-data", str(toml), *AT).code == 0
    with (folder / "mock.csv").open("a") as file:
        file.write((folder / "mock.csv").read_text().splitlines()[-1] + "\n")
    ran = ready("site", "check", *AT)
    assert ran.code == 6
    assert "data copies v1" in ran.out


def test_a_rolled_back_ledger_fails_against_its_checkpoint(ready: Run) -> None:
    ledger = Path("hospital-a/ledger.db")
    backup = ledger.read_bytes()
    assert ready("account", "disable", "dana", "--reason", "Left", *AT).code == 0
    Path("kept").write_text(ready("ledger", "checkpoint", *AT).out)
    assert ready("ledger", "verify", "--checkpoint", "kept", *AT).code == 0
    ledger.write_bytes(backup)
    assert ready("ledger", "verify", *AT).code == 0
    ran = ready("ledger", "verify", "--checkpoint", "kept", *AT)
    assert ran.code == 6
    assert "ledger-rolled-back" in ran.err


def test_a_study_called_script_is_text(ready: Run, tmp_path: Path) -> None:
    from tests.cli.conftest import submit

    text = (ROOT / "sites/study.toml").read_text()
    title = "<script>alert(1)</script>"
    (tmp_path / "s.toml").write_text(text.replace("Readmission within 30 days", title))
    request = submit(ready, tmp_path / "s.toml")
    assert title in ready("request", "plan", request, *AT).out


def test_a_site_side_plan_needs_no_filing(ready: Run) -> None:
    study = str(ROOT / "sites/study.toml")
    who = ("--as", "dana", "--key", "dana.key")
    before = len(ready("request", "list", *AT, "--json").document["requests"])
    ran = ready("study", "plan", study, *AT, *who)
    assert "Review plan for cr-" in ran.out
    assert len(ready("request", "list", *AT, "--json").document["requests"]) == before
