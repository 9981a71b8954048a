"""Numbers that a person declares about a training, as `key=value`.

They stand for a script where there is none, and settle what a script leaves open. A key that
nothing reads does not exist, so a misspelt one is an error.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import cast

from securefed.domain.numbers import count, positive, probability, proportion
from securefed.errors import ConfigInvalid, NumberInvalid


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What was declared; None where nothing was."""

    records: int | None = None
    batch: int | None = None
    sampling_rate: Decimal | None = None
    noise: Decimal | None = None
    rounds: int | None = None
    local_epochs: int | None = None
    local_steps: int | None = None
    steps: int | None = None
    delta: Decimal | None = None
    epsilon: Decimal | None = None
    weights: tuple[Decimal, ...] | None = None
    accounting: str | None = None
    sampling: str | None = None
    accountant: str | None = None
    seed: str | None = None
    noise_divided_by: str | None = None
    noise_added_by: str | None = None


COUNTS = ("records", "batch", "rounds", "local-epochs", "local-steps", "steps")
CHOICES: dict[str, tuple[str, ...]] = {
    "accounting": ("per-round", "whole"),
    "sampling": ("poisson", "shuffle"),
    "accountant": ("pld", "prv", "rdp", "gdp"),
    "seed": ("fixed", "random"),
    "noise-divided-by": ("sites", "root-sites"),
    "noise-added-by": ("site", "server"),
}
KEYS = tuple(field.name.replace("_", "-") for field in fields(Declared))


def declared_from(pairs: Iterable[str]) -> Declared:
    """The declared numbers from texts such as `rounds=50`."""
    found: dict[str, object] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if key not in KEYS or not equals:
            known = ", ".join(KEYS)
            hint = f"Declare key=value, where the key is one of: {known}."
            raise ConfigInvalid(f"{pair[:60]!a} declares nothing known", hint=hint)
        if key.replace("-", "_") in found:
            raise ConfigInvalid(f"{key} is declared twice", hint="Declare each key once.")
        found[key.replace("-", "_")] = _value(key, text)
    declared = Declared(**cast("dict[str, None]", found))
    _check_weights(declared)
    return declared


def _value(key: str, text: str) -> object:
    if key in CHOICES:
        if text not in CHOICES[key]:
            options = " or ".join(CHOICES[key])
            raise ConfigInvalid(f"{key} is {text[:60]!a}", hint=f"Declare {key}={options}.")
        return text
    if key == "weights":
        return tuple(positive("a weight", _exact(key, one)) for one in text.split(","))
    number = _exact(key, text)
    if key in COUNTS:
        if number.is_finite() and number == number.to_integral_value():
            return count(key, int(number))
        raise NumberInvalid(f"{key} is {text[:60]}; it must be a whole number", where="--declared")
    match key:
        case "sampling-rate":
            return proportion(key, number)
        case "delta":
            return probability(key, number)
    return positive(key, number)


def _exact(key: str, text: str) -> Decimal:
    try:
        number = Decimal(text if len(text) <= 60 else "")
    except InvalidOperation:
        raise NumberInvalid(f"{key} is no number: {text[:60]!a}", where="--declared") from None
    if number and number.is_finite() and abs(number.adjusted()) > 30:
        raise NumberInvalid(f"{key} is too large or too small", where="--declared")
    return number


def _check_weights(declared: Declared) -> None:
    if declared.weights is not None and len(declared.weights) == 1:
        raise ConfigInvalid("weights has one weight", hint="Declare one weight for each site.")
