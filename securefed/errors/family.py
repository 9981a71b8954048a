"""What all errors have in common, and the families that they belong to: one a kind of remedy."""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the shell sees, one number for each kind of remedy."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    POLICY = 3
    BUDGET = 4
    APPROVAL = 5
    INTEGRITY = 6
    UNREACHABLE = 7
    INTERRUPTED = 130


class SecurefedError(Exception):
    """The root of all deliberate errors. It is never raised itself."""

    code: ClassVar[str]
    exit_code: ClassVar[ExitCode]
    hint: ClassVar[str]

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = hint or self.hint

    def __str__(self) -> str:
        return f"{self.what} ({self.where})" if self.where else self.what


class UsageError(SecurefedError):
    """The input is not usable as it is; nothing was changed."""

    exit_code = ExitCode.USAGE


class PolicyError(SecurefedError):
    """The site's policy does not allow this."""

    exit_code = ExitCode.POLICY


class BudgetError(SecurefedError):
    """The privacy budget does not allow this."""

    exit_code = ExitCode.BUDGET


class ApprovalError(SecurefedError):
    """There is no approval that covers this."""

    exit_code = ExitCode.APPROVAL


class IntegrityError(SecurefedError):
    """Stored or received bytes are not what they claim to be."""

    exit_code = ExitCode.INTEGRITY


class EnvironmentFault(SecurefedError):
    """The machine did not do what was asked of it."""

    exit_code = ExitCode.UNEXPECTED
