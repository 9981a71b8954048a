"""The server optimisers' formulas, for any part of the model: each value moves on its own.

FedAvgM is that of Hsu et al. 2019; the adaptive ones are algorithm 2 of Reddi et al. 2021, with
v starting at τ², and without a correction of bias. Computed in float64; what is kept is rounded
by whoever keeps it.
"""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from securefed.aggregation.grid import Floats
from securefed.domain.identifiers import Name
from securefed.domain.server_rule import (
    FedAdagrad,
    FedAdam,
    FedAvg,
    FedYogi,
    ServerMomentum,
    ServerPlan,
    ServerRule,
)

# What a rule keeps between rounds: m and v of the papers, and c of SCAFFOLD.
FIRST, SECOND, CONTROL = Name("first"), Name("second"), Name("control")
Parts: TypeAlias = Mapping[Name, Floats]


def first_values(plan: ServerPlan) -> dict[Name, float]:
    """What is kept under a plan, and the value that all of it begins with."""
    control = {CONTROL: 0.0} if plan.control else {}
    match plan.rule:
        case FedAvg():
            return control
        case ServerMomentum():
            return {FIRST: 0.0, **control}
        case FedAdagrad() | FedAdam() | FedYogi():
            return {FIRST: 0.0, SECOND: float(plan.rule.tau) ** 2, **control}


def moved(rule: ServerRule, average: Floats, kept: Parts) -> tuple[Floats, dict[Name, Floats]]:
    """The direction that the weights move in, before the rate, and what is kept from now on."""
    match rule:
        case FedAvg():
            return average, {}
        case ServerMomentum():
            first = float(rule.momentum) * kept[FIRST] + average
            return first, {FIRST: first}
        case FedAdagrad() | FedAdam() | FedYogi():
            decay = float(rule.beta1)
            first = decay * kept[FIRST] + (1 - decay) * average
            second = _second(rule, kept[SECOND], average * average)
            direction = first / (np.sqrt(second) + float(rule.tau))
            return direction, {FIRST: first, SECOND: second}


def _second(rule: FedAdagrad | FedAdam | FedYogi, second: Floats, square: Floats) -> Floats:
    match rule:
        case FedAdagrad():
            return second + square
        case FedAdam():
            decay = float(rule.beta2)
            return decay * second + (1 - decay) * square
        case FedYogi():
            towards: Floats = np.sign(square - second)
            return second + (1 - float(rule.beta2)) * square * towards
