"""A site's status: what the ledger says, and whether anybody serves it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from securefed.adapters.site_folder import ServingNote, SiteFolder, note_serving
from securefed.adapters.syft_site.site_lock import held_folder
from securefed.domain.identifiers import Line
from securefed.wiring import site as wiring_site
from tests.cli.conftest import AT, Run, approve, digest_of, newest

pytestmark = pytest.mark.slow

NOTE = ServingNote(
    host=Line("127.0.0.1"),
    port=8400,
    tls=True,
    pid=4711,
    since=datetime(2026, 11, 21, 9, 14, tzinfo=UTC),
)


def test_a_site_that_is_not_served(ready: Run) -> None:
    done = ready("site", "status", *AT)
    assert done.code == 0
    assert "hospital-a is not served." in done.out
    assert "Requests: 1 pending." in done.out
    assert "No round is running." in done.out
    assert "Next: securefed request list" in done.err
    found = ready("site", "status", *AT, "--json").document
    assert (found["kind"], found["served"], found["serving"]) == ("site-status", False, None)
    assert found["requests"]["pending"] == 1
    assert found["running"] == []
    [budget] = found["budgets"]
    assert budget["left"] == budget["cap"]


def test_an_approval_takes_from_what_is_left(ready: Run) -> None:
    request = newest(ready)
    assert approve(ready, request, digest_of(ready, request)).code == 0
    found = ready("site", "status", *AT, "--json").document
    assert (found["requests"]["pending"], found["requests"]["approved"]) == (0, 1)
    [budget] = found["budgets"]
    assert budget["left"] != budget["cap"]


def test_only_the_lock_says_that_it_is_served(ready: Run, tmp_path: Path) -> None:
    folder = SiteFolder(tmp_path / "hospital-a")
    note_serving(folder.serving, NOTE)
    assert ready("site", "status", *AT, "--json").document["served"] is False
    with held_folder(folder.datasite):
        found = ready("site", "status", *AT, "--json").document
        assert found["serving"]["address"] == "https://127.0.0.1:8400"
        assert found["serving"]["pid"] == 4711
        shown = ready("site", "status", *AT).out
        assert "is served at https://127.0.0.1:8400 since 2026-11-21 09:14" in shown
        folder.serving.unlink()
        assert "is starting, or about to end" in ready("site", "status", *AT).out
    assert ready("site", "status", *AT, "--json").document["served"] is False


def test_the_doctor_looks_at_a_site_and_what_would_train(
    ready: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring_site, "RUNNER_LIBRARIES", {"pydantic": "pydantic"})
    path = Path("hospital-a/site.toml")
    path.write_text(path.read_text().replace("# port = 8400", "port = 0"))
    done = ready("doctor", "--site", "hospital-a")
    assert done.code == 0, done.out
    for row in ("data admissions", "port: a free one", "runner: Python", "walls", "certificate"):
        assert row in done.out
    assert "Next: securefed site serve --site hospital-a" in done.err
    path.write_text(path.read_text().replace("[runner]", '[runner]\npython = "/bin/false"'))
    done = ready("doctor", "--site", "hospital-a", "--json")
    assert done.code == 2
    [bad] = [one for one in done.document["checks"] if not one["ok"] and one["check"] == "runner"]
    assert "does not start" in bad["problem"]
