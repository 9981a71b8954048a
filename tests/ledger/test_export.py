"""An exported ledger in the hands of a program that knows nothing of securefed."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from securefed.domain.identifiers import PublicKey
from securefed.steps.export_ledger import EXPORT_FORMAT, export_ledger
from tests.ledger.real_world import real_world

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_ledger.py"
Lines = list[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export, its site's key, a checkpoint of it, and one of a ledger that is longer by one."""
    folder = tmp_path_factory.mktemp("export")
    world = real_world(folder / "ledger.db", new=True)
    world.title = "Wiederaufnahme – ä 漢"
    site = world.site()
    world.approved(site)
    (folder / "export.jsonl").write_text("".join(export_ledger(site.ledger)), encoding="utf-8")
    (folder / "key").write_text(site.register().site.key)
    (folder / "checkpoint").write_text(site.checkpoint().note(), encoding="utf-8")
    world.grant(site)
    (folder / "later").write_text(site.checkpoint().note(), encoding="utf-8")
    return folder


def lines_of(folder: Path) -> Lines:
    return (folder / "export.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The script, as somebody runs it who has nothing else of ours: -I hides the repository."""
    command = [sys.executable, "-I", str(SCRIPT), *map(str, arguments)]
    return subprocess.run(
        command, cwd=SCRIPT.parent, capture_output=True, text=True, encoding="utf-8", check=False
    )


def key_of(folder: Path) -> str:
    return (folder / "key").read_text()


def test_the_first_line_names_site_key_and_format(folder: Path) -> None:
    header = json.loads(lines_of(folder)[0])
    key = PublicKey(key_of(folder))
    assert header == {
        "format": EXPORT_FORMAT,
        "format_version": 1,
        "key": key,
        "site": "hospital-a",
    }


def test_a_line_holds_the_stored_bytes_and_nothing_made_anew(folder: Path) -> None:
    stored = list(real_world(folder / "ledger.db").reopened().ledger.stored())[:-1]
    rows = [json.loads(line) for line in lines_of(folder)[1:]]
    assert [row["entry"].encode() for row in rows] == [one.data for one in stored]
    assert [row["signature"] for row in rows] == [one.signature for one in stored]


def test_the_script_verifies_an_export(folder: Path) -> None:
    ran = run(folder / "export.jsonl", key_of(folder), folder / "checkpoint")
    assert ran.returncode == 0, ran.stderr
    checkpoint = (folder / "checkpoint").read_text(encoding="utf-8").splitlines()
    assert ran.stdout.startswith(
        f"{checkpoint[1]} entries of hospital-a verify; the head is sha256:"
    )
    assert run(folder / "export.jsonl", key_of(folder)).stdout == ran.stdout


def test_the_script_is_short_and_knows_nothing_of_ours() -> None:
    code = SCRIPT.read_text(encoding="utf-8").partition('"""\n\n')[2].splitlines()
    assert len([line for line in code if line.strip()]) <= 30
    assert not any("import securefed" in line or "from securefed" in line for line in code)


def changed(old: str, new: str, line: int = -1) -> Callable[[Lines], Lines]:
    def change(lines: Lines) -> Lines:
        assert old in lines[line]
        lines[line] = lines[line].replace(old, new, 1)
        return lines

    return change


def dropped(line: int) -> Callable[[Lines], Lines]:
    return lambda lines: [*lines[:line], *lines[line + 1 :]]


def swapped(lines: Lines) -> Lines:
    return [*lines[:3], lines[4], lines[3], *lines[5:]]


def repeated(lines: Lines) -> Lines:
    return [*lines, lines[-1]]


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (changed("ravi", "rosa"), "BadSignatureError"),
        (changed("approval", "Approval"), "BadSignatureError"),
        (changed('"signature":"', '"signature":"00'), "must be exactly 64 bytes"),
        (dropped(1), "entry 0 does not follow"),
        (dropped(4), "entry 3 does not follow"),
        (swapped, "entry 2 does not follow"),
        (repeated, "does not follow"),
        (changed("hospital-a", "hospital-b", line=0), "entry 0 does not follow"),
    ],
)
def test_the_script_finds_whatever_was_changed(
    folder: Path, tmp_path: Path, tamper: Callable[[Lines], Lines], said: str
) -> None:
    copy = tmp_path / "tampered.jsonl"
    copy.write_text("".join(tamper(lines_of(folder))), encoding="utf-8")
    ran = run(copy, key_of(folder))
    assert ran.returncode != 0
    assert ran.stdout == ""
    assert said in ran.stderr


def test_the_script_finds_a_cut_off_end_with_a_checkpoint(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "shorter.jsonl"
    copy.write_text("".join(lines_of(folder)[:-1]), encoding="utf-8")
    assert run(copy, key_of(folder)).returncode == 0
    for export, checkpoint in ((copy, "checkpoint"), (folder / "export.jsonl", "later")):
        ran = run(export, key_of(folder), folder / checkpoint)
        assert ran.returncode != 0
        assert "does not contain the checkpoint" in ran.stderr


def test_the_script_believes_no_other_key_and_no_unsigned_checkpoint(
    folder: Path, tmp_path: Path
) -> None:
    other = "ed25519:" + "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
    assert "BadSignatureError" in run(folder / "export.jsonl", other).stderr
    note = (folder / "checkpoint").read_text(encoding="utf-8")
    size = note.split("\n")[1]
    for forged in (
        note.replace(f"\n{size}\n", f"\n{int(size) - 1}\n"),
        note.partition("— ")[0],
        note.replace("hospital-a", "hospital-b"),
    ):
        (tmp_path / "forged").write_text(forged, encoding="utf-8")
        ran = run(folder / "export.jsonl", key_of(folder), tmp_path / "forged")
        assert ran.returncode != 0
        assert ran.stdout == ""
