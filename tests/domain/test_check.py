"""Checks: advice stops nothing, and the worst problem decides the exit code."""

from securefed.domain.check import (
    advised,
    checks_document,
    checks_rows,
    well,
    worst,
    wrong,
)
from securefed.errors import DataUnreadable, ExitCode, LedgerBroken

CHECKS = [
    well("policy"),
    advised("data", "No dataset is registered", "Register one."),
    wrong("card", DataUnreadable("The file is empty", where="data.csv")),
    wrong("ledger", LedgerBroken("An entry was changed")),
]


def test_the_worst_problem_decides_and_advice_does_not() -> None:
    assert worst([]) == worst(CHECKS[:2]) == ExitCode.OK
    assert worst(CHECKS[:3]) == ExitCode.USAGE
    assert worst(CHECKS) == worst(CHECKS[::-1]) == ExitCode.INTEGRITY


def test_rows_name_the_problem_and_the_remedy() -> None:
    assert checks_rows(CHECKS)[:2] == [
        ("policy", "ok", ""),
        ("data", "No dataset is registered", "Register one."),
    ]
    assert checks_rows(CHECKS)[2][1] == "The file is empty (data.csv)"
    assert checks_rows(CHECKS)[3][2] == LedgerBroken.hint


def test_the_document_says_which_checks_are_well() -> None:
    checks = checks_document(CHECKS)["checks"]
    assert isinstance(checks, list)
    assert [isinstance(one, dict) and one["ok"] for one in checks] == [True, False, False, False]
