"""The table `[combining]` of `study.toml`: how rounds become one model, and what is usual.

A server rule is named by a word, and has its numbers beside it; a number that the rule does not
have is refused, so that nobody believes that it did something.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

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
    truth,
)
from securefed.config.problems import Unfit, found
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


class RuleName(StrEnum):
    """The server rules."""

    FEDAVG = "fedavg"
    MOMENTUM = "momentum"
    ADAGRAD = "adagrad"
    ADAM = "adam"
    YOGI = "yogi"


class CourseName(StrEnum):
    """How a rate changes over the rounds."""

    CONSTANT = "constant"
    COSINE = "cosine"
    STEPS = "steps"


RuleWord = Annotated[RuleName, PlainValidator(one_of(RuleName)), choice_schema(RuleName)]
CourseWord = Annotated[CourseName, PlainValidator(one_of(CourseName)), choice_schema(CourseName)]
Truth = Annotated[bool, PlainValidator(truth), WithJsonSchema({"type": "boolean"})]
AimWord = Annotated[Aim, PlainValidator(one_of(Aim)), choice_schema(Aim)]

_RULES: dict[RuleName, type[ServerRule]] = {
    RuleName.FEDAVG: FedAvg,
    RuleName.MOMENTUM: ServerMomentum,
    RuleName.ADAGRAD: FedAdagrad,
    RuleName.ADAM: FedAdam,
    RuleName.YOGI: FedYogi,
}
_COURSES: dict[CourseName, type[Course]] = {
    CourseName.CONSTANT: Constant,
    CourseName.COSINE: Cosine,
    CourseName.STEPS: Steps,
}
# What the papers take; an adaptive rule has no usual rate.
_USUAL = {
    "momentum": Decimal("0.9"),
    "beta1": Decimal("0.9"),
    "beta2": Decimal("0.99"),
    "tau": Decimal("0.001"),
}
_USUAL_OF = {
    RuleName.FEDAVG: {"rate": Decimal(1)},
    RuleName.MOMENTUM: {"rate": Decimal(1)},
    RuleName.ADAGRAD: {"beta1": Decimal(0)},
}


class ScheduleTable(Table):
    """How a rate changes over the rounds."""

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

    @model_validator(mode="after")
    def _exactly_its_numbers(self) -> Self:
        _ = self.numbers
        return self

    @property
    def numbers(self) -> dict[str, Any]:
        """What the course has."""
        return _numbers(self, ("final", "times"), _COURSES[self.course], {})


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
        default_factory=ScheduleTable, description="How the server's rate changes over the rounds."
    )
    site_schedule: ScheduleTable = Field(
        default_factory=ScheduleTable,
        description="How the sites' learning rate changes over the rounds.",
    )
    proximal: Positive | None = Field(
        default=None, description="FedProx: how strongly a site is pulled to the round's start."
    )
    control: Truth = Field(
        default=False, description="SCAFFOLD: control variates against the drift of unlike sites."
    )
    sites_per_round: Count | None = Field(
        default=None, description="How many sites are drawn for a round; all if not set."
    )
    stop: StopTable | None = Field(
        default=None, description="When the study ends before its last round."
    )

    @model_validator(mode="after")
    def _exactly_its_numbers(self) -> Self:
        _ = self.numbers
        return self

    @property
    def numbers(self) -> dict[str, Any]:
        """What the rule has."""
        keys = ("rate", "momentum", "beta1", "beta2", "tau")
        return _numbers(self, keys, _RULES[self.rule], _USUAL | _USUAL_OF.get(self.rule, {}))


def combining_of(table: CombiningTable) -> Combining:
    """What the table says, with nothing left to be filled in."""
    return Combining(
        rule=_RULES[table.rule](**table.numbers),
        schedule=_schedule(table.schedule),
        site_schedule=_schedule(table.site_schedule),
        proximal=table.proximal,
        control=table.control,
        sites_per_round=table.sites_per_round,
        stop=None if table.stop is None else _stop(table.stop),
    )


def _schedule(table: ScheduleTable) -> Schedule:
    return Schedule(course=_COURSES[table.course](**table.numbers), warm_up=table.warm_up)


def _stop(table: StopTable) -> EarlyStop:
    rule = StoppingRule(
        aim=table.aim, patience=table.patience, window=table.window, margin=table.margin
    )
    return EarlyStop(metric=table.metric, rule=rule)


def _numbers(
    table: Table, keys: Sequence[str], wanted: type, usual: Mapping[str, Decimal]
) -> dict[str, Any]:
    """The numbers of a rule or a course, by name: exactly those that it has."""
    known = [one.name for one in fields(wanted)]
    for key in keys:
        stated = getattr(table, key)
        if stated is not None and key not in known:
            raise Unfit("no such number here", key=key, got=found(stated))
        if stated is None and key in known and key not in usual:
            raise Unfit("a number", key=key, got="nothing")
    return {
        key: usual[key] if getattr(table, key) is None else getattr(table, key)
        for key in keys
        if key in known
    }
