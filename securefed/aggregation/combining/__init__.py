"""How a round's opened average moves the global model, and what sites correct their steps by.

    state = first_state(plan, layout, weights)
    step = ServerStep(plan, state, factor=schedule.factor(round, rounds))
    for index in range(shape.chunks):
        step.add(shape.values(index), opened_average(...))
    step.finish()
    files.put("state", written_state(state))

Everything here acts on values that are public or privatized already, so none of it costs privacy.
"""

from securefed.aggregation.combining.server_step import ServerStep
from securefed.aggregation.combining.state import ServerState, first_state
from securefed.aggregation.combining.state_file import read_state, written_state

__all__ = ["ServerState", "ServerStep", "first_state", "read_state", "written_state"]
