"""Data at a site, from the shell: made-up mocks, folders of files, erasing, pausing."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.cli.conftest import AT, ROOT, Run

TABLE = """\
dataset = "labs"
title = "Laboratory"
origin = "Made up"
licence = "CC0-1.0"
purposes = ["research"]
data = "labs.csv"
mock_records = 30

[unit]
column = "patient"
bound = 3

[[columns]]
name = "patient"
type = "identifier"
meaning = "Pseudonym"

[[columns]]
name = "age"
type = "integer"
meaning = "Age in years"
range = [18, 110]
"""
INDEX = """\
dataset = "scans"
title = "Scans"
origin = "Made up"
licence = "CC0-1.0"
purposes = ["research"]
data = "scans/index.csv"
folders = ["x"]
mock = "scans/index.csv"

[unit]
bound = 1
""" + "".join(
    f'\n[[columns]]\nname = "{name}"\ntype = "text"\nmeaning = "Of a scan"\n'
    for name in ("file", "sha256")
)


@pytest.fixture
def site(run: Run) -> Run:
    """A new site, and two descriptions of data."""
    assert run("site", "init", "hospital-a", "--owner", "olivia").code == 0
    Path("labs.toml").write_text(TABLE)
    Path("labs.csv").write_text("patient,age\np1,40\np1,41\np2,60\n")
    Path("scans.toml").write_text(INDEX)
    Path("scans/x").mkdir(parents=True)
    digests = []
    for name in ("1", "2"):
        Path(f"scans/x/{name}.png").write_text(name)
        digests.append(hashlib.sha256(name.encode()).hexdigest())
    rows = [f"x/{number}.png,{digest}\n" for number, digest in enumerate(digests, 1)]
    Path("scans/index.csv").write_text("file,sha256\n" + "".join(rows))
    return run


def test_a_mock_is_made_up_when_none_is_named_and_looks_as_shown_before(site: Run) -> None:
    shown = site("site", "make-mock", "labs.toml", "--out", "shown.csv", "--json")
    assert (shown.code, shown.document["records"]) == (0, 30)
    added = site("site", "add-data", "labs.toml", *AT, "--json")
    mock = Path(added.document["mock"])
    assert mock.parent == Path("hospital-a/data").resolve()
    assert mock.read_bytes() == Path("shown.csv").read_bytes()
    before = added.document["card"]["mock"]
    Path("labs.csv").write_text("patient,age\nq7,99\nq8,12\n")
    again = site("site", "add-data", "labs.toml", *AT, "--json").document["card"]
    assert (again["version"], again["mock"]) == (2, before)
    assert site("site", "check", *AT).code == 0


def test_a_file_that_is_there_is_not_overwritten(site: Run) -> None:
    Path("mine.csv").write_text("mine")
    refused = site("site", "make-mock", "labs.toml", "--out", "mine.csv")
    assert (refused.code, Path("mine.csv").read_text()) == (2, "mine")
    assert "already-exists" in refused.err


def test_a_registration_that_is_refused_leaves_the_mock_in_force(site: Run) -> None:
    assert site("site", "add-data", "labs.toml", *AT).code == 0
    Path("labs.toml").write_text(TABLE.replace("bound = 3", "bound = 2"))
    refused = site("site", "add-data", "labs.toml", *AT)
    assert (refused.code, "privacy unit never changes" in refused.err) == (2, True)
    assert site("site", "check", *AT).code == 0


def test_files_beside_an_index_are_checked_and_noted(site: Run) -> None:
    assert site("site", "add-data", "scans.toml", *AT).code == 0
    noted = json.loads(Path("hospital-a/data/scans.json").read_text())
    assert noted["folders"] == [str(Path("scans/x").resolve())]
    assert site("site", "check", *AT).code == 0
    Path("scans/x/2.png").write_text("another")
    checked = site("site", "check", *AT)
    assert checked.code == 2
    assert "record 2" in checked.out


def test_an_index_needs_a_mock_and_says_so(site: Run) -> None:
    Path("scans.toml").write_text(INDEX.replace('mock = "scans/index.csv"\n', ""))
    refused = site("site", "add-data", "scans.toml", *AT)
    assert refused.code == 2
    assert "A mock of files is not made up by the site" in refused.err
    assert "docs/data-owner.md" in refused.err


def test_erased_data_are_forgotten_and_left_where_they_are(site: Run) -> None:
    assert site("site", "add-data", "labs.toml", *AT).code == 0
    assert site("site", "erase-data", "labs", *AT).code == 2
    erased = site("site", "erase-data", "labs", "--reason", "The agreement ended", *AT, "--json")
    assert erased.code == 0
    assert erased.document["left"] == [str(Path("labs.csv").resolve())]
    assert Path("labs.csv").exists()
    assert list(Path("hospital-a/data").iterdir()) == []
    again = site("site", "erase-data", "labs", "--reason", "Again", *AT, "--json")
    assert (again.code, again.document["left"]) == (0, [])
    granted = site("budget", "grant", "labs", "--epsilon", "3", "--delta", "1e-6", *AT)
    assert (granted.code, "data-erased" in granted.err) == (2, True)
    checked = site("site", "check", *AT)
    assert (checked.code, "No dataset is registered" in checked.out) == (0, True)


def test_a_site_that_lost_its_notes_erases_all_the_same(site: Run) -> None:
    assert site("site", "add-data", "labs.toml", *AT).code == 0
    Path("hospital-a/data/labs.json").unlink()
    erased = site("site", "erase-data", "labs", "--reason", "Gone", *AT, "--json")
    assert (erased.code, erased.document["left"]) == (0, [])
    assert list(Path("hospital-a/data").iterdir()) == []


def test_erasing_ends_the_open_requests_and_removes_what_they_kept(ready: Run) -> None:
    [filed] = ready("request", "list", *AT, "--json").document["requests"]
    kept = Path("hospital-a/kept") / f"{filed['request']}.kept"
    kept.write_bytes(b"rows of users")
    other = kept.with_name("cr-0123456789ab.kept")
    other.write_bytes(b"another dataset's")
    assert ready("site", "erase-data", "admissions", "--reason", "Withdrawn", *AT).code == 0
    [request] = ready("request", "list", *AT, "--json").document["requests"]
    assert request["state"] == "denied"
    assert (kept.exists(), other.exists()) == (False, True)
    spent = ready("budget", "show", *AT)
    assert (spent.code, "admissions" in spent.out) == (0, True)
    again = ready("site", "add-data", str(ROOT / "sites/hospital-a/dataset.toml"), *AT, "--json")
    assert again.document["card"]["version"] == 2


def test_a_paused_site_says_so_until_it_is_resumed(ready: Run) -> None:
    [file] = Path().rglob("*.hospital-a.request.json")
    assert ready("site", "pause", "--reason", "Maintenance", *AT).code == 0
    assert "The site is paused" in ready("site", "check", *AT).out
    refused = ready("request", "receive", str(file), *AT)
    assert (refused.code, "site-paused" in refused.err) == (3, True)
    assert ready("site", "pause", *AT).code == 2
    assert ready("site", "resume", *AT).code == 0
    assert "paused" not in ready("site", "check", *AT).out
    assert "already-exists" in ready("request", "receive", str(file), *AT).err
