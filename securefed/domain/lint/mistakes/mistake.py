"""What a mistake's class is, and how it words its two sides."""

from decimal import Decimal
from typing import ClassVar, Protocol

from securefed.domain.lint.case import Case, Setting, charge
from securefed.domain.lint.facts import Known, Remark, Unknown, Value
from securefed.domain.lint.verdict import Charge, Claim, Found


class AnyMistake(Protocol):
    """One way of accounting wrongly. It returns every place, and what it could not decide."""

    kind: ClassVar[str]
    explanation: ClassVar[str]

    def check(self, case: Case) -> list[Found]:
        """Where the mistake is made, and what would have to be known to tell."""
        ...


def claim(words: str, setting: Setting, steps: Value) -> Claim:
    """A side of a mistake that is a number of steps in a setting."""
    if isinstance(setting.noise, Known) and setting.noise.number <= 0:
        return unbounded(f"{words}, without noise")
    found = charge(setting, steps)
    if isinstance(found, Charge):
        return Claim(words=f"{words}: {shown_steps(found.steps)}", charges=(found,))
    return Claim(words=words, missing=found)


def unbounded(words: str) -> Claim:
    """A side of a mistake that no ε bounds."""
    return Claim(words=words, unbounded=True)


def unsettled(value: Value, what: str, declare: str, line: int | None = None) -> list[Found]:
    """The remark that a number could not be told; none where it is known."""
    if isinstance(value, Known):
        return []
    return [Remark(line=value.line or line, what=f"{what}: {value.why}", declare=declare)]


def shown_steps(steps: int) -> str:
    """A number of steps in words."""
    return "1 step" if steps == 1 else f"{steps:,} steps"


def plain(number: Decimal) -> str:
    """A number as a person writes it, to four digits."""
    if number == number.to_integral_value() and abs(number) < 10**15:
        return f"{int(number):,}"
    short = Decimal(f"{number:.4g}").normalize()
    return f"{short:e}" if abs(short) < Decimal("0.001") else f"{short:f}"


def stated(value: Value) -> str:
    """A value with where it comes from, where that is not plain."""
    if isinstance(value, Unknown):
        return "unknown"
    origin = f" ({value.how})" if value.how else ""
    return f"{plain(value.number)}{origin}"
