"""Exact numbers as people type them at an option."""

from decimal import Decimal, InvalidOperation

from securefed.errors import NumberInvalid


def exact(option: str, text: str) -> Decimal:
    """A decimal as it was typed, never by way of a float."""
    try:
        return Decimal(text)
    except InvalidOperation:
        raise NumberInvalid(f"{text!r} is not a number", where=option) from None
