"""A check of a site or a machine: what was looked at, what is wrong with it, and how to fix it."""

from dataclasses import dataclass

from securefed.domain.canonical import Plain
from securefed.errors import ExitCode, SecurefedError


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at. Without a problem it is well."""

    what: str
    problem: str = ""
    remedy: str = ""
    exit_code: ExitCode = ExitCode.OK


def well(what: str) -> Check:
    """A check that found nothing."""
    return Check(what=what)


def wrong(what: str, error: SecurefedError) -> Check:
    """A check that ended in one of our errors."""
    return Check(what=what, problem=str(error), remedy=error.remedy, exit_code=error.exit_code)


def advised(what: str, problem: str, remedy: str) -> Check:
    """Something that could be better, and does not stop anything."""
    return Check(what=what, problem=problem, remedy=remedy)


def worst(checks: list[Check]) -> int:
    """The highest exit code among the checks; advice has none."""
    return max((int(one.exit_code) for one in checks), default=0)


def checks_rows(checks: list[Check]) -> list[tuple[str, str, str]]:
    """The checks as a table's rows."""
    return [(one.what, one.problem or "ok", one.remedy) for one in checks]


def checks_document(checks: list[Check]) -> dict[str, Plain]:
    """The checks as JSON."""
    return {
        "checks": [
            {"check": one.what, "ok": not one.problem, "problem": one.problem, "fix": one.remedy}
            for one in checks
        ]
    }
