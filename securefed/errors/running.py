"""Errors of running: the walls around a training process, and what comes through them."""

from securefed.errors.family import EnvironmentFault, IntegrityError, UsageError


class WallsUnavailable(EnvironmentFault):
    """The walls that a plan promises cannot be put up on this machine, so nothing runs.

    Bubblewrap is missing, or the system does not let it start; a run needs Linux in any case."""

    code = "walls-unavailable"
    hint = "See what 'securefed doctor' says; on Debian and Ubuntu: apt install bubblewrap"


class WallsTooWide(UsageError):
    """A folder that a run may read holds what no run may see, such as the site's keys.

    The message names both paths. Nothing was started."""

    code = "walls-too-wide"
    hint = "Move the interpreter, the data or the site, so that neither lies within the other."


class RunnerUnfit(UsageError):
    """The interpreter that should run the training does not start or lacks a library.

    It may be another one than the site's, with libraries of its own."""

    code = "runner-unfit"
    hint = "Name an interpreter of Python 3.11 or 3.12 that imports the named libraries."


class RunEnded(EnvironmentFault):
    """A run ended before it was finished: by its limits, by a signal, or by itself.

    The message says which. What was authorised stays charged; nothing that it made leaves."""

    code = "run-ended"
    hint = "See the site's log of the run; raise the limit that it met, or begin another attempt."


class RunGarbled(IntegrityError):
    """A run sent something that has no place in the conversation, and was ended for it.

    What it sent is not shown, since it may hold private values."""

    code = "run-garbled"
    hint = "Read the study's own code, if it has any; it is not what it should be."


class ResultUnfit(IntegrityError):
    """A file that a run says it made is missing, too large, or not a plain file of its own.

    Links are not followed; nothing was taken over."""

    code = "result-unfit"
    hint = "See the site's log of the run, and begin another attempt."


class ErrandGarbled(IntegrityError):
    """What was asked of a site, or what it answered, is not in the form that is known here.

    The other side may run another version of the program. Nothing was done."""

    code = "errand-garbled"
    hint = "Compare the versions of securefed on both sides; 'securefed doctor' prints one's own."


class RunsBusy(EnvironmentFault):
    """The site trains as many studies at once as its settings allow.

    Nothing was charged."""

    code = "runs-busy"
    hint = "Ask again when another study's round is over, with another attempt."


class SiteStopping(EnvironmentFault):
    """The site's process is ending and begins nothing any more. Nothing was charged."""

    code = "site-stopping"
    hint = "Ask again when the site is back."
