"""What a training script says about its privacy, without its syntax.

A value is known, with the line that states it, or unknown, with the reason. A `Term` is a product
such as 1/len(loader): it keeps which quantities it is made of even where their sizes are unknown.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias


@dataclass(frozen=True, kw_only=True)
class Known:
    """A number that the script, or a person, states."""

    number: Decimal
    line: int | None = None
    # How the script came by it, where that is not plain: "the default of --rounds".
    how: str = ""


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """A number that could not be told, and why."""

    why: str
    line: int | None = None


Value: TypeAlias = Known | Unknown


class Quantity(StrEnum):
    """What a factor counts."""

    ROUNDS = "rounds"
    EPOCHS = "epochs"
    STEPS = "steps"
    SITES = "sites"
    BATCHES = "batches"
    RECORDS = "records"
    NOISE = "noise"


Powers: TypeAlias = tuple[tuple[Quantity, Decimal], ...]


@dataclass(frozen=True, kw_only=True)
class Term:
    """A product of quantities and numbers. It is inexact where a sum or a rounding came in."""

    value: Value
    powers: Powers = ()
    exact: bool = True
    # The numbers among the factors, without the quantities; None where one is unknown.
    factor: Decimal | None = None

    def power(self, quantity: Quantity) -> Decimal:
        """The exponent with which a quantity enters."""
        return dict(self.powers).get(quantity, Decimal(0))


class Flag(StrEnum):
    """A truth value of a script."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Loader:
    """A data loader: its sizes, and whether it draws Poisson samples by itself."""

    line: int
    records: Value
    batch: Value
    batches: Value
    poisson: bool


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One place at which a PrivacyEngine is created."""

    key: int
    line: int
    # Why this place is passed once a round; empty where it is passed once.
    every_round: str
    restored: bool
    # The loop that passes this place again, where it is not a loop over rounds.
    repeated: int | None
    repeats: Value


class Made(StrEnum):
    """How training was made private."""

    NOISE = "make_private"
    TARGET = "make_private_with_epsilon"
    OPTIMIZER = "DPOptimizer"


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a training loop does: passes over the data, or single steps."""

    line: int
    unit: Quantity
    amount: Term
    every_round: bool
    # Which loader it draws from: a protection's key, its original, or one that could not be told.
    returned_by: int | None
    original_of: int | None
    poisson: bool
    # The loader that it draws from, where that could be told.
    loader: Loader | None
    # Whether it steps an optimiser that was made private.
    private: Flag


@dataclass(frozen=True, kw_only=True)
class Protection:
    """One place at which a model and its data are made private."""

    key: int
    line: int
    made: Made
    engine: int | None
    noise: Term
    target: Term
    epochs: Term
    delta: Term | None
    loader: Loader
    # Which data: equal where two protections are given the same loader.
    data: int | None
    poisson: Flag
    # The state of the generator that was given for the noise.
    generator: "Seed | None"
    secure: Flag
    every_round: str


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One place at which an ε is read."""

    line: int
    engine: int | None
    delta: Term | None
    # Whether it is added to the ε of other runs.
    summed: bool
    # Whether it comes from an accountant that the script steps itself.
    by_hand: bool


@dataclass(frozen=True, kw_only=True)
class HandCount:
    """Steps that the script counts for an accountant itself."""

    line: int
    unit: Quantity
    amount: Term


@dataclass(frozen=True, kw_only=True)
class Seed:
    """A call that fixes the generator from which noise is drawn."""

    line: int
    call: str
    value: Value
    fixed: Flag


class Adds(StrEnum):
    """Who adds noise."""

    SITE = "site"
    SERVER = "server"


@dataclass(frozen=True, kw_only=True)
class NoiseShare:
    """Noise that is divided by a power of the number of sites."""

    line: int
    term: Term
    # The noise multiplier before it was divided.
    stated: Known | None
    added_by: Adds | None


@dataclass(frozen=True, kw_only=True)
class Averaging:
    """A sign of how updates are averaged: evenly, or with weights, which the script may state."""

    line: int
    sign: str
    even: bool = False
    weights: tuple[Decimal, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GdpChoice:
    """A place at which the GDP accountant is chosen, or may be."""

    line: int
    chosen: Flag


@dataclass(frozen=True, kw_only=True)
class Remark:
    """A value that could not be told, where it stands, and what to declare to settle it."""

    line: int | None
    what: str
    declare: str = ""


@dataclass(frozen=True, kw_only=True)
class ScriptFacts:
    """Everything that the linter uses of a script."""

    engines: tuple[Engine, ...] = ()
    protections: tuple[Protection, ...] = ()
    readings: tuple[Reading, ...] = ()
    counts: tuple[HandCount, ...] = ()
    work: tuple[Work, ...] = ()
    rounds: Value = field(default_factory=lambda: Unknown(why="nothing says how many rounds"))
    federated: bool = False
    seeds: tuple[Seed, ...] = ()
    shares: tuple[NoiseShare, ...] = ()
    averaging: tuple[Averaging, ...] = ()
    gdp: tuple[GdpChoice, ...] = ()
    remarks: tuple[Remark, ...] = ()
