"""Who counts as away, and how long one that is away is awaited."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.absence import Absence, is_away
from securefed.domain.identifiers import Name
from securefed.errors import (
    CustodianBusy,
    CustodianOverdue,
    CustodianUnreachable,
    ExitCode,
    SecurefedError,
    all_errors,
)

GONE = CustodianUnreachable("The custodian does not answer: TimeoutError")
LIMITS = st.floats(0.01, 10_000)


def absence(limit_s: float) -> Absence:
    return Absence(custodian=Name("registry"), since=7.0, limit_s=limit_s)


def test_no_refusal_and_no_damage_counts_as_being_away() -> None:
    away = {kind for kind in all_errors() if is_away(kind("said"))}
    assert away == {CustodianUnreachable, CustodianBusy}


def pauses(one: Absence) -> Iterator[float]:
    """Each pause, on a clock that only pauses move."""
    now = one.since
    while True:
        pause = one.pause(now, GONE)
        yield pause
        now += pause


@given(LIMITS)
def test_it_is_awaited_to_the_end_of_its_time_and_not_longer(limit_s: float) -> None:
    found: list[float] = []
    with pytest.raises(CustodianOverdue):
        found.extend(pauses(absence(limit_s)))
    assert limit_s <= sum(found) + 1e-6
    assert sum(found) < limit_s + 1
    assert all(1 <= pause <= 10 for pause in found)
    # Less often the longer it takes: each time a whole sum is read and signed.
    assert len(found) <= 40 + limit_s / 10


@pytest.mark.parametrize(
    ("limit_s", "spoken"), [(1.0, "1 seconds"), (90.0, "90 seconds"), (3600.0, "60 minutes")]
)
def test_the_failure_says_who_how_long_why_and_what_to_do(limit_s: float, spoken: str) -> None:
    with pytest.raises(CustodianOverdue, match=f"registry was awaited for {spoken}") as caught:
        absence(limit_s).pause(7.0 + limit_s, GONE)
    error: SecurefedError = caught.value
    assert "TimeoutError" in error.what
    assert "custodian serve" in error.remedy
    assert error.exit_code == ExitCode.UNREACHABLE
    assert f"asked again for {spoken}" in absence(limit_s).told(GONE)
