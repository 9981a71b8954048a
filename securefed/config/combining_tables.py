"""The table `[combining]` of `study.toml`: how rounds become one model, and what that is by default.

A server rule is named by a word, and has its numbers beside it; a number that the rule does not
have is refused, so that nobody believes that it did something.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field, PlainValidator

from securefed.config.fields import (
    Count,
    CountOrNone,
    Exact,
    LineText,
    Positive,
    Proportion,
    Table,
    choice_schema,
    one_of,
)
from securefed.domain.combining import Combining, EarlyStop
from securefed.domain.early_stopping import Aim, StoppingRule
from securefed.domain.schedule import Constant, Cosine, Course, Schedule, Steps
from securefed.domain.server_rule import (
    FedAdagrad,
    FedAdam,
    FedAvg,
    FedYogi,
    ServerMomentum,
    ServerRule,
)
from securefed.errors import ConfigInvalid


class RuleName(StrEnum):
    """The server rules."""

    FEDAVG = "fedavg"
    MOMENTUM = "momentum"
    ADAGRAD = "adagrad"
    ADAM = "adam"
    YOGI = "yogi"


class CourseName(StrEnum):
    """How the server's rate changes over the rounds."""

    CONSTANT = "constant"
    COSINE = "cosine"
    STEPS = "steps"


RuleWord = Annotated[RuleName, PlainValidator(one_of(RuleName)), choice_schema(RuleName)]
CourseWord = Annotated[CourseName, PlainValidator(one_of(CourseName)), choice_schema(CourseName)]
AimWord = Annotated[Aim, PlainValidator(one_of(Aim)), choice_schema(Aim)]

# What each rule and course takes, with what it is where a study does not say; none must be said.
_NUMBERS: dict[RuleName, dict[str, Decimal | None]] = {
    RuleName.FEDAVG: {"rate": Decimal(1)},
    RuleName.MOMENTUM: {"rate": Decimal(1), "momentum": Decimal("0.9")},
    RuleName.ADAGRAD: {"rate": None, "beta1": Decimal(0), "tau": Decimal("0.001")},
    RuleName.ADAM: {
        "rate": None,
        "beta1": Decimal("0.9"),
        "beta2": Decimal("0.99"),
        "tau": Decimal("0.001"),
    },
    RuleName.YOGI: {
        "rate": None,
        "beta1": Decimal("0.9"),
        "beta2": Decimal("0.99"),
        "tau": Decimal("0.001"),
    },
}


class ScheduleTable(Table):
    """How the server's rate changes over the rounds."""

    course: CourseWord = Field(
        default=CourseName.CONSTANT, description="The course of the rate after its warm-up."
    )
    final: Proportion | None = Field(
        default=None, description="What is left of the rate at the end; for cosine and steps."
    )
    times: Count | None = Field(default=None, description="How often the rate falls; for steps.")
    warm_up: CountOrNone = Field(
        default=0, description="Over how many first rounds the rate rises to its whole."
    )


class StopTable(Table):
    """When the study ends before its last round."""

    metric: LineText = Field(description="The released metric that decides, such as accuracy.")
    aim: AimWord = Field(default=Aim.HIGHER, description="Which way is better.")
    patience: Count = Field(description="After how many rounds without a better mean it ends.")
    window: Count = Field(default=1, description="Over how many rounds figures are averaged.")
    margin: Exact = Field(
        default=Decimal(0), description="By how much a mean must be better to count as better."
    )


class CombiningTable(Table):
    """How rounds become one model; without it, the mean of all sites' models."""

    rule: RuleWord = Field(default=RuleName.FEDAVG, description="The server's rule.")
    rate: Positive | None = Field(default=None, description="The server's rate.")
    momentum: Exact | None = Field(default=None, description="Momentum; for momentum.")
    beta1: Exact | None = Field(
        default=None, description="How long averages count; for adagrad, adam and yogi."
    )
    beta2: Exact | None = Field(
        default=None, description="How long their squares count; for adam and yogi."
    )
    tau: Positive | None = Field(
        default=None, description="What is added to the root; for adagrad, adam and yogi."
    )
    schedule: ScheduleTable = Field(
        default_factory=ScheduleTable, description="How the rate changes over the rounds."
    )
    proximal: Positive | None = Field(
        default=None, description="FedProx: how strongly a site is pulled to the round's start."
    )
    sites_per_round: Count | None = Field(
        default=None, description="How many sites are drawn for a round; all if not set."
    )
    stop: StopTable | None = Field(
        default=None, description="When the study ends before its last round."
    )


def combining_of(table: CombiningTable) -> Combining:
    """What the table says, with nothing left to be filled in."""
    return Combining(
        rule=_rule(table),
        schedule=Schedule(course=_course(table.schedule), warm_up=table.schedule.warm_up),
        proximal=table.proximal,
        sites_per_round=table.sites_per_round,
        stop=None if table.stop is None else _stop(table.stop),
    )


def _rule(table: CombiningTable) -> ServerRule:
    known = _NUMBERS[table.rule]
    for key in ("rate", "momentum", "beta1", "beta2", "tau"):
        if getattr(table, key) is not None and key not in known:
            raise ConfigInvalid(f"combining.{key} is not a number of the rule {table.rule}")
    numbers = {key: getattr(table, key) or value for key, value in known.items()}
    missing = [key for key, value in numbers.items() if value is None]
    if missing:
        raise ConfigInvalid(f"combining.{missing[0]} is missing; the rule {table.rule} needs it")
    kinds: dict[RuleName, type[ServerRule]] = {
        RuleName.FEDAVG: FedAvg,
        RuleName.MOMENTUM: ServerMomentum,
        RuleName.ADAGRAD: FedAdagrad,
        RuleName.ADAM: FedAdam,
        RuleName.YOGI: FedYogi,
    }
    return kinds[table.rule](**numbers)
