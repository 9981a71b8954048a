"""What the server keeps from round to round: the global weights and its rule's moments.

All of it is float32. The weights are the very numbers that are sent, so that an update is added to
what the sites began with; moments are read into float64, moved and rounded once a round, which is
off by 2^-24 of each, far below the noise. A model of P parameters takes 4P bytes for the weights
and 4P for each of at most three more arrays.
"""

from dataclasses import dataclass, field

import numpy as np

from securefed.aggregation.combining.rules import first_values
from securefed.aggregation.grid import Values
from securefed.domain.identifiers import Digest, Name
from securefed.domain.server_rule import ServerPlan
from securefed.errors import UpdateUnusable


@dataclass(kw_only=True)
class ServerState:
    """The state after a number of steps; `controlled` is the last of them that moved the control
    variate, or none. It is not `whole` while a step is half taken."""

    plan: Digest
    layout: Digest
    steps: int
    controlled: int = 0
    weights: Values
    kept: dict[Name, Values]
    whole: bool = field(default=True, init=False)


def first_state(plan: ServerPlan, layout: Digest, weights: Values) -> ServerState:
    """The state before the first round; it has a copy of the weights."""
    if weights.ndim != 1 or not weights.size or weights.dtype != "float32":
        raise UpdateUnusable("The first weights are float32 numbers in a row")
    if not np.isfinite(weights).all():
        raise UpdateUnusable("The first weights have values that are no finite numbers")
    return ServerState(
        plan=plan.digest,
        layout=layout,
        steps=0,
        weights=weights.copy(),
        kept={
            name: np.full(weights.size, value, np.float32)
            for name, value in first_values(plan).items()
        },
    )
