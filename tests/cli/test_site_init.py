"""A new site: what flags choose, what the questions choose, and that neither leaves half of one."""

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from securefed.cli import site_init
from securefed.cli.app import app
from securefed.cli.site_questions import Choice
from securefed.config import ServeSettings, load_site
from securefed.domain.identifiers import SiteId
from tests.cli.conftest import Run


def asked(monkeypatch: pytest.MonkeyPatch, folder: Path, answers: list[str]) -> tuple[int, str]:
    """Makes a site as on a terminal."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(site_init, "_asks", lambda as_json, flags: not as_json and not flags)
    text = "".join(f"{one}\n" for one in answers)
    done = CliRunner().invoke(app, ["site", "init", "hospital-a"], input=text)
    return done.exit_code, done.output


def test_enter_takes_what_is_usual(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, shown = asked(monkeypatch, tmp_path, ["", "", "", "", ""])
    assert code == 0
    found = load_site(tmp_path / "hospital-a" / "site.toml")
    assert (found.site, found.title, found.serve) == ("hospital-a", "hospital-a", ServeSettings())
    assert "policy baseline" in shown
    for policy in ("baseline", "strict-health", "pilot"):
        assert f"  {policy} " in shown
    assert (tmp_path / "hospital-a" / "keys" / "owner.key").exists()


def test_the_answers_are_what_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answers = ["Hospital A", "olivia", "pilot", "y", "a.example.org", "y"]
    code, shown = asked(monkeypatch, tmp_path, answers)
    assert code == 0
    found = load_site(tmp_path / "hospital-a" / "site.toml")
    assert found.title == "Hospital A"
    assert (found.serve.port, found.serve.own_ca) == (8400, ("a.example.org",))
    assert not found.serve.this_machine_only
    assert "under the policy pilot" in shown
    assert (tmp_path / "hospital-a" / "keys" / "olivia.key").exists()


def test_a_wrong_answer_is_asked_for_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answers = ["", "../olivia", "olivia", "none-such", "pilot", "y", "http://a", "a", "y"]
    code, shown = asked(monkeypatch, tmp_path, answers)
    assert code == 0
    assert "is not a AccountId" in shown
    assert "securefed comes with no policies/none-such.toml" in shown
    assert load_site(tmp_path / "hospital-a" / "site.toml").serve.own_ca == ("a",)


def test_whoever_says_no_has_made_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, _ = asked(monkeypatch, tmp_path, ["", "", "", "", "n"])
    assert code != 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("question", ["Title", "owner", "Policy", "reach", "Make it"])
def test_whoever_stops_has_made_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, question: str
) -> None:
    def stopping(ask: Callable[..., object]) -> Callable[..., object]:
        def answered(text: str, **options: object) -> object:
            if question in text:
                raise typer.Abort
            return ask(text, **options)

        return answered

    for name in ("prompt", "confirm"):
        monkeypatch.setattr(typer, name, stopping(getattr(typer, name)))
    code, _ = asked(monkeypatch, tmp_path, ["", "", "", "", "y"])
    assert code != 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "terminal"),
    [
        (["--json"], True),
        (["--title", "A"], True),
        (["--owner", "olivia"], True),
        (["--policy", "pilot"], True),
        (["--listen", "127.0.0.1:0"], True),
        (["--own-ca", "a.example.org"], True),
        (["--folder", "hospital-a"], True),
        ([], False),
    ],
)
def test_a_flag_or_a_script_is_never_asked(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], terminal: bool
) -> None:
    def ask(*_: object, **__: object) -> str:
        raise AssertionError("asked")

    for name in ("prompt", "confirm"):
        monkeypatch.setattr(typer, name, ask)
    monkeypatch.setattr("sys.stdin.isatty", lambda: terminal, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
    done = run("site", "init", "hospital-a", *arguments)
    assert done.code == 0, done.err
    assert load_site(tmp_path / "hospital-a" / "site.toml").site == "hospital-a"


def test_a_terminal_and_a_bare_name_ask(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    questions: list[SiteId] = []

    def ask(site: SiteId, usual: Choice) -> Choice:
        questions.append(site)
        return usual

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr(site_init, "ask_choice", ask)
    assert run("site", "init", "hospital-a").code == 0
    assert questions == ["hospital-a"]


def test_flags_choose_where_it_listens(run: Run, tmp_path: Path) -> None:
    flags = ("--listen", "[::1]:443", "--own-ca", "a.example.org", "--own-ca", "10.0.0.7")
    assert run("site", "init", "hospital-a", *flags).code == 0
    serve = load_site(tmp_path / "hospital-a" / "site.toml").serve
    assert (serve.host, serve.port) == ("::1", 443)
    assert serve.own_ca == ("a.example.org", "10.0.0.7")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--listen", "8400"], "is not HOST:PORT"),
        (["--listen", "127.0.0.1:http"], "is not HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "port: expected a port"),
        (["--listen", "192.0.2.1:8400"], "host: expected a loopback address, or TLS"),
        (["--own-ca", "a b"], "expected a host name"),
        (["--policy", "none-such"], "comes with no policies/none-such.toml"),
        (["--owner", "Olivia"], "is not a AccountId"),
    ],
)
def test_flags_that_cannot_be_leave_nothing(
    run: Run, tmp_path: Path, flags: list[str], said: str
) -> None:
    done = run("site", "init", "hospital-a", *flags)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert not list(tmp_path.iterdir())


def test_a_site_that_fails_halfway_is_removed(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    (tmp_path / "empty").mkdir()
    monkeypatch.setattr("securefed.wiring.opened_site.create_ledger", interrupted)
    assert run("site", "init", "hospital-a").code == 130
    assert run("site", "init", "hospital-a", "--folder", "empty").code == 130
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    monkeypatch.chdir(tmp_path / "empty")
    assert run("site", "init", "hospital-a", "--folder", ".").code == 130
    assert not list((tmp_path / "empty").iterdir())


def test_a_folder_that_holds_something_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "hospital-a").mkdir()
    (tmp_path / "hospital-a" / "thesis.odt").write_text("years of work")
    done = run("site", "init", "hospital-a")
    assert "is not empty" in done.err
    assert (tmp_path / "hospital-a" / "thesis.odt").read_text() == "years of work"
