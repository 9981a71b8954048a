"""How figures and names are written in a report: rounded upwards, and in plain words."""

from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import ROUND_CEILING, Context, Decimal

from securefed.domain.claims import Source
from securefed.domain.privacy import PrivacyLoss, PrivacyUnit
from securefed.domain.rules.speak import shown

_THREE_DIGITS = Context(prec=3, rounding=ROUND_CEILING)
SHORTEST = Decimal("0.1")


def day(at: datetime) -> str:
    """A moment as people read it."""
    return at.strftime("%Y-%m-%d %H:%M UTC")


def small(number: Decimal) -> str:
    """A δ, with all its digits; in powers of ten where it is very small."""
    if number == 0 or number >= Decimal("0.001"):
        return f"{number.normalize():f}"
    mantissa, _, power = f"{number.normalize():e}".partition("e")
    return f"{mantissa}e{int(power)}"


def at_most(number: Decimal) -> str:
    """A computed δ, rounded up to three digits: further ones are the machine's."""
    return small(_THREE_DIGITS.create_decimal(number))


def loss_words(loss: PrivacyLoss) -> str:
    """An (ε, δ) in one phrase."""
    return f"ε = {shown(loss.epsilon)} at δ = {small(loss.delta)}"


def share(part: Decimal, whole: Decimal) -> str:
    """A share of an allowance, rounded up."""
    if not part.is_finite():
        return "infinitely much"
    return f"{(100 * part / whole).quantize(SHORTEST, rounding='ROUND_CEILING')} %"


def free(part: Decimal, whole: Decimal) -> str:
    """What is left of an allowance, rounded down."""
    return f"{(100 * part / whole).quantize(SHORTEST, rounding='ROUND_FLOOR')} %"


def listed(words: Iterable[str], nothing: str = "nobody") -> str:
    """Words as a sentence lists them."""
    kept = list(dict.fromkeys(words))
    if not kept:
        return nothing
    *most, last = kept
    return f"{', '.join(most)} and {last}" if most else last


def counted(number: int, one: str, several: str = "") -> str:
    """A number of things."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def unit_of(unit: PrivacyUnit) -> str:
    """Whose presence is hidden, in a sentence."""
    if unit.column is None:
        return "record"
    return unit.column


def at(*entries: int) -> Source:
    """The entries in which a value stands as it is."""
    return Source(entries=entries)


def derived(entries: Collection[int]) -> Source:
    """The entries that a value is computed from."""
    return Source(entries=tuple(entries), how="computed from" if entries else "")
