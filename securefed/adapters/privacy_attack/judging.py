"""From the chances of some tests to a line of the report: one rule for what is an alarm."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Context, Decimal

from securefed.domain.attack import AttackLine, Outcome
from securefed.domain.audit_alarms import LEVEL

_GRAIN = Decimal("0.0001")
_ROUGHLY = Context(prec=2, rounding=ROUND_CEILING)


def judged(
    tried: str,
    chances: Sequence[float],
    *,
    result: str,
    shows: str,
    cannot: str,
    figures: dict[str, Decimal] | None = None,
) -> AttackLine:
    """An alarm where one test is beyond its level; the chance is that of the worst among all."""
    worst = min(chances)
    return AttackLine(
        tried=tried,
        outcome=Outcome.ALARM if worst < LEVEL else Outcome.PASSED,
        result=result,
        shows=shows,
        cannot=cannot,
        chance=roughly(min(1.0, len(chances) * worst)),
        tests=len(chances),
        figures=figures or {},
    )


def certain(tried: str, faults: Sequence[str], *, fine: str, shows: str, cannot: str) -> AttackLine:
    """A line that is no matter of chance: an alarm where there is any fault."""
    return AttackLine(
        tried=tried,
        outcome=Outcome.ALARM if faults else Outcome.PASSED,
        result="; ".join(faults) or fine,
        shows=shows,
        cannot=cannot,
    )


def figure(value: float) -> Decimal:
    """A measured number to four places."""
    return Decimal(value).quantize(_GRAIN)


def roughly(chance: float) -> Decimal:
    """A chance to two digits, upwards."""
    return _ROUGHLY.create_decimal(Decimal(chance))
