"""One plan of each rule, and states to begin with."""

from decimal import Decimal

import numpy as np

from securefed.aggregation.combining import ServerState, ServerStep, first_state
from securefed.aggregation.grid import Floats, Values
from securefed.domain.identifiers import Digest
from securefed.domain.server_rule import (
    FedAdagrad,
    FedAdam,
    FedAvg,
    FedYogi,
    ServerMomentum,
    ServerPlan,
    ServerRule,
)

LAYOUT = Digest("sha256:" + "a" * 64)
RATE, BETA1, BETA2, TAU = Decimal("0.5"), Decimal("0.9"), Decimal("0.99"), Decimal("0.001")
RULES: dict[str, ServerRule] = {
    "fed-avg": FedAvg(rate=RATE),
    "server-momentum": ServerMomentum(rate=RATE, momentum=BETA1),
    "fed-adagrad": FedAdagrad(rate=RATE, beta1=BETA1, tau=TAU),
    "fed-adam": FedAdam(rate=RATE, beta1=BETA1, beta2=BETA2, tau=TAU),
    "fed-yogi": FedYogi(rate=RATE, beta1=BETA1, beta2=BETA2, tau=TAU),
}


def plan(name: str, *, control: bool = False) -> ServerPlan:
    return ServerPlan(rule=RULES[name], control=control)


def start(plan: ServerPlan, parameters: int) -> ServerState:
    weights = np.linspace(-1, 1, parameters, dtype=np.float32)
    return first_state(plan, LAYOUT, weights)


def averages(rounds: int, parameters: int) -> list[Floats]:
    chance = np.random.default_rng(5)
    return [chance.normal(0, 0.1, parameters) for _ in range(rounds)]


def take(plan: ServerPlan, state: ServerState, average: Floats, part: int = 10**9) -> None:
    step = ServerStep(plan, state, stride=0.5)
    for at in range(0, average.size, part):
        place = slice(at, min(at + part, average.size))
        step.add(place, average[place])
    step.finish()


def arrays(state: ServerState) -> list[Values]:
    return [state.weights, *state.kept.values()]
