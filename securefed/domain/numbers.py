"""Checks on exact numbers: privacy parameters are decimals, and never NaN, infinite or fractional.

Python's `True` is an `int`, and a float can be NaN; both are refused here by type. Each function
returns its value, so a check stands where the value is stored.
"""

from decimal import ROUND_CEILING, Decimal

from securefed.errors import NumberInvalid

_GRAIN = Decimal("1e-12")
_MARGIN = Decimal("1e-9")


def positive(name: str, value: Decimal) -> Decimal:
    """A finite decimal above zero."""
    return _within(name, value, above=Decimal(0), most=Decimal("1e12"))


def not_negative(name: str, value: Decimal) -> Decimal:
    """A finite decimal that may be zero."""
    return value if type(value) is Decimal and value.is_zero() else positive(name, value)


def proportion(name: str, value: Decimal) -> Decimal:
    """A decimal in (0, 1]."""
    return _within(name, value, above=Decimal(0), most=Decimal(1))


def probability(name: str, value: Decimal) -> Decimal:
    """A decimal strictly between 0 and 1, as δ must be."""
    checked = _within(name, value, above=Decimal(0), most=Decimal(1))
    if checked == 1:
        raise NumberInvalid(f"{name} is 1; it must be below 1")
    return checked


def count(name: str, value: int, *, least: int = 1, most: int = 10**12) -> int:
    """A whole number in a range."""
    if type(value) is not int:
        raise NumberInvalid(f"{name} is {value!r}; it must be a whole number")
    if not least <= value <= most:
        raise NumberInvalid(f"{name} is {value}; it must be between {least} and {most}")
    return value


def rounded_up(value: float) -> Decimal:
    """A computed float as a decimal that is never below the true value.

    The relative margin covers the rounding errors of the sums that led here."""
    exact = Decimal(value)
    return (exact + abs(exact) * _MARGIN).quantize(_GRAIN, rounding=ROUND_CEILING)


def _within(name: str, value: Decimal, *, above: Decimal, most: Decimal) -> Decimal:
    if type(value) is not Decimal:
        raise NumberInvalid(f"{name} is {value!r}; it must be an exact decimal")
    if not value.is_finite():
        raise NumberInvalid(f"{name} is {value}; it must be finite")
    if not above < value <= most:
        raise NumberInvalid(f"{name} is {value}; it must be above {above} and at most {most}")
    if value < Decimal("1e-30"):
        raise NumberInvalid(f"{name} is {value}; the smallest that can be stored is 1e-30")
    return value
