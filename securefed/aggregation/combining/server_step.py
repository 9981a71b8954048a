"""One step of the server, part by part of the model, in the state's own memory.

Promises that the parts cover the model once and in order, that whatever parts they are the outcome
is the same bit for bit, and that no state with a value that is not finite ever counts as whole. A
step that breaks off leaves a state that is refused from then on: read the stored one again. Beyond
the state it takes the memory of a few parts.
"""

import numpy as np

from securefed.aggregation.combining.control import control_moved
from securefed.aggregation.combining.rules import CONTROL, moved
from securefed.aggregation.combining.state import ServerState
from securefed.aggregation.grid import Floats, Values
from securefed.domain.server_rule import ServerPlan
from securefed.errors import CheckpointUnusable, NumberInvalid, UpdateUnusable


class ServerStep:
    """A step with one round's average. `factor` is the schedule's.

    Where the sum has every site of the study, `stride` is what the sites' rate was multiplied by,
    and the control variate moves, too; without it, that stays as it was."""

    def __init__(
        self,
        plan: ServerPlan,
        state: ServerState,
        *,
        factor: float = 1.0,
        stride: float | None = None,
    ) -> None:
        if state.plan != plan.digest:
            raise CheckpointUnusable("The state belongs to another plan")
        if not state.whole:
            raise CheckpointUnusable(
                "A step broke off in this state", hint="Read the stored state again."
            )
        if not 0 < factor <= 1 or (stride is not None and not 0 < stride <= 1):
            raise NumberInvalid("A step's factor and stride are above 0 and at most 1")
        self._plan, self._state = plan, state
        self._rate = float(plan.rule.rate) * factor
        self._stride = stride if plan.control else None
        self._reached = 0
        state.whole = False

    def add(self, place: slice, average: Floats) -> None:
        """Moves the next part of the model by its part of the average."""
        if place.start != self._reached or place.stop != self._reached + average.size:
            raise UpdateUnusable("The average's parts do not follow one another")
        if place.stop > self._state.weights.size:
            raise UpdateUnusable("The average is longer than the model")
        if not np.isfinite(average).all():
            raise UpdateUnusable("The average has values that are no finite numbers")
        for array, values in self._moved(place, average):
            array[place] = values
        self._reached = place.stop

    def finish(self) -> None:
        """The step is taken, if all of the model was."""
        if self._reached != self._state.weights.size:
            raise UpdateUnusable("The average is shorter than the model")
        self._state.steps += 1
        if self._stride is not None:
            self._state.controlled = self._state.steps
        self._state.whole = True

    def _moved(self, place: slice, average: Floats) -> list[tuple[Values, Values]]:
        state = self._state
        kept = {name: array[place].astype(np.float64) for name, array in state.kept.items()}
        # What grows too large is refused below, all at once.
        with np.errstate(over="ignore", invalid="ignore"):
            direction, after = moved(self._plan.rule, average, kept)
            if self._stride is not None:
                after |= {CONTROL: control_moved(average, self._stride)}
            weights = state.weights[place] + self._rate * direction
            found = [(state.weights, weights.astype(np.float32))]
            found += [(state.kept[name], one.astype(np.float32)) for name, one in after.items()]
        if not all(np.isfinite(values).all() for _, values in found):
            raise UpdateUnusable("The step makes values that float32 cannot hold")
        return found
