"""Attending a run: one round's conversation, in which every step is charged before it is granted.

The run is not trusted. It may ask for steps in rising order, up to those that its token allows, and
then say that it is finished or has failed. Anything else, an error of the ledger, and any other
exception end the run before they are raised. What was charged stays charged; settling is for the
caller, who alone knows what may leave.
"""

from collections.abc import Callable
from typing import Protocol

from securefed.domain.talk import Begin, Failed, Finished, Ready, StepAsked, StepGranted
from securefed.domain.walls import Ending
from securefed.errors import RunGarbled, TrainingFailed, all_errors
from securefed.ports import Walled

# A code of its own making could carry a private value.
_CODES = frozenset(error.code for error in all_errors())


class Meter(Protocol):
    """What charges steps; `RoundMeter` is one."""

    def before_step(self, step: int) -> None:
        """Returns once the step, counted from one, is charged."""
        ...


def await_run(run: Walled) -> None:
    """Waits until a run that was just started has loaded what it needs."""
    if not isinstance(run.hear(), Ready):
        raise _garbled(run)


def attend_round(
    run: Walled,
    begin: Begin,
    meter: Meter,
    steps: int,
    on_step: Callable[[int], None] = lambda _: None,
) -> Finished:
    """Has a run that waits do one round of at most so many steps, and returns what it says of it.

    `on_step` is told each step that was granted: that is all the progress there is."""
    finished = None
    try:
        run.say(begin)
        last = 0
        while finished is None:
            match run.hear():
                case StepAsked(step=step) if last < step <= steps:
                    meter.before_step(step)
                    run.say(StepGranted(step=step))
                    on_step(last := step)
                case Finished() as said:
                    finished = said
                case Failed(code=code):
                    raise TrainingFailed("The run failed", where=code if code in _CODES else "")
                case _:
                    raise _garbled(run)
        return finished
    finally:
        if finished is None:
            run.stop()


def _garbled(run: Walled) -> RunGarbled:
    run.stop(Ending.GARBLED)
    return RunGarbled("The run said something that has no place here")
