"""Errors of custody: a custodian refuses, does not answer, or was not asked by whom it knows."""

from securefed.errors.family import (
    EnvironmentFault,
    ExitCode,
    IntegrityError,
    PolicyError,
)


class CustodyRefused(PolicyError):
    """A custodian does not do this under the study's registration, or has done it once already.

    A round is opened once. Another sum, another roster, a suite that the owner did not allow, a key
    that has ended or was destroyed: none of these is opened, whoever asks."""

    code = "custody-refused"
    hint = "See what the custodian did with 'securefed custodian log'; go on with the next round."


class RequestRefused(IntegrityError):
    """A request to a custodian is not signed by the study's coordinator, is old, or came before.

    The signature covers the custodian, the method, the path, the time and the body."""

    code = "request-refused"
    hint = "Compare the clocks of both machines, and the coordinator's key in the registration."


class CustodianBusy(EnvironmentFault):
    """A custodian is at work on another opening, or a client was too slow. Nothing was opened."""

    code = "custodian-busy"
    hint = "Ask again in a moment; a custodian opens one sum at a time."


class CustodianUnreachable(EnvironmentFault):
    """A custodian does not answer at its address, or the connection broke within its answer.

    What it may have opened meanwhile is not lost: the same sum gets the same answer again."""

    code = "custodian-unreachable"
    exit_code = ExitCode.UNREACHABLE
    hint = "Check that 'securefed custodian serve' runs, then ask for the same sum again."


class CustodianOverdue(EnvironmentFault):
    """A custodian was away for as long as a round may take, so the round stays open.

    The message says who, for how long, and what it last failed with. What sites sent is kept, and a
    sum that was opened meanwhile opens to the same."""

    code = "custodian-overdue"
    exit_code = ExitCode.UNREACHABLE
    hint = (
        "Have its owner start 'securefed custodian serve', and run the study again; it goes on "
        "where it stopped. --deadline says how long a custodian is awaited."
    )
