"""The benchmark harness computes ratio and goal, prints every row, and writes them as JSON."""

import json
from pathlib import Path

import pytest

from benchmarks.harness import COLUMNS, Bench, Goal, machine_row, run


def test_a_ratio_is_ours_divided_by_the_peers() -> None:
    row = Bench().row("append", "time", "ms", ours=2, peer=8, peer_name="log")
    assert row.ratio == 0.25
    assert row.goal is None
    assert row.met is None


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (Goal("ours", "<=", 2), True),
        (Goal("ours", "<", 2), False),
        (Goal("ratio", ">=", 0.25), True),
        (Goal("ratio", ">", 0.25), False),
    ],
)
def test_whether_a_goal_is_met_follows_from_the_numbers(goal: Goal, met: bool) -> None:
    assert Bench().row("a", "b", "c", ours=2, peer=8, peer_name="log", goal=goal).met is met


@pytest.mark.parametrize("of", ["ours", "ratio"])
def test_a_missing_number_meets_no_goal(of: str) -> None:
    goal = Goal("ours" if of == "ours" else "ratio", "<=", 1e9)
    assert Bench().row("a", "b", "c", ours=None, peer=8, peer_name="log", goal=goal).met is False


def test_a_peer_of_zero_has_no_ratio() -> None:
    assert Bench().row("a", "b", "c", ours=2, peer=0, peer_name="log").ratio is None


def test_a_peers_number_needs_its_name() -> None:
    with pytest.raises(ValueError, match="needs the peer's name"):
        Bench().row("a", "b", "c", ours=2, peer=8)


def test_the_machines_row_names_versions_and_what_is_absent() -> None:
    row = machine_row(("pytest", "no-such-library"))
    assert f"pytest {pytest.__version__}" in row.case
    assert "no-such-library not installed" in row.case
    assert row.measure == "machine"


def test_a_run_prints_every_row_and_writes_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(bench: Bench) -> None:
        bench.row("one [bold]", "time", "ms", ours=1234.5, goal=Goal("ours", "<=", 1))
        bench.row("two", "size", "MB", ours=None)

    target = tmp_path / "out" / "rows.json"
    run("A title", measure, arguments=["--json", str(target)])
    printed = capsys.readouterr().out
    rows = json.loads(target.read_text(encoding="utf-8"))
    assert [row["case"] for row in rows[:2]] == ["one [bold]", "two"]
    assert rows[2]["measure"] == "machine"
    assert all(tuple(row) == COLUMNS for row in rows)
    assert rows[0]["met"] is False
    assert all(text in printed for text in ("A title", "one [bold]", "1,234", "ours <= 1", "two"))


def test_a_number_that_json_cannot_say_is_not_written(tmp_path: Path) -> None:
    def measure(bench: Bench) -> None:
        bench.row("a", "b", "c", ours=float("nan"))

    target = tmp_path / "rows.json"
    with pytest.raises(ValueError, match="JSON"):
        run("A title", measure, arguments=["--json", str(target)])
    assert not target.exists()
