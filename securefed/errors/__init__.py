"""Every error securefed raises on purpose: a stable code, an exit code, and what to do about it.

Each class is one situation that a person can act upon. Its docstring becomes its section in
`docs/errors.md`; an instance adds what happened and where. Nothing here imports anything of ours.
An exception that is not a `SecurefedError` is a defect of the program, never of its input.
"""

from securefed.errors.approval import (
    ApprovalExhausted,
    ApprovalExpired,
    ApprovalMissing,
    ApprovalWithdrawn,
    PlanStale,
)
from securefed.errors.budget import (
    AllowanceBelowSpent,
    AllowanceExpired,
    AllowanceInvalid,
    AllowanceMissing,
    BudgetInsufficient,
)
from securefed.errors.custody import (
    CustodianBusy,
    CustodianUnreachable,
    CustodyRefused,
    RequestRefused,
)
from securefed.errors.environment import ClockBehind, LedgerBusy, StorageFailed
from securefed.errors.family import (
    ApprovalError,
    BudgetError,
    EnvironmentFault,
    ExitCode,
    IntegrityError,
    PolicyError,
    SecurefedError,
    UsageError,
)
from securefed.errors.integrity import (
    CheckpointInvalid,
    DataDrifted,
    KeyUnsafe,
    LedgerBroken,
    LedgerRolledBack,
    NotCanonical,
    RecordInvalid,
    RunDeparted,
    SignatureInvalid,
    TransitionInvalid,
)
from securefed.errors.policy import RefusedByPolicy
from securefed.errors.sealing import (
    ProtectionUnproven,
    RoundBusy,
    SealForeign,
    SealingFailed,
    SealInvalid,
    SecondRoster,
    SuiteUnfit,
    SumIncomplete,
    UpdateLate,
    UpdateTwice,
    UpdateUnusable,
    WorkerLost,
)
from securefed.errors.training import (
    AssetMismatch,
    CheckpointUnusable,
    DeviceUnavailable,
    HubUnreachable,
    LossUnusable,
    ModelUnusable,
    RunCancelled,
    SelfTestFailed,
    TrainingFailed,
    UnsupportedLayer,
)
from securefed.errors.usage import (
    AlreadyExists,
    ConfigInvalid,
    DataUnreadable,
    IdentifierInvalid,
    NotAllowedHere,
    NotFound,
    NotInThisState,
    NumberInvalid,
    ScriptUnreadable,
    TextInvalid,
)


def all_errors() -> list[type[SecurefedError]]:
    """Every concrete error, family by family."""
    families = (
        UsageError,
        PolicyError,
        BudgetError,
        ApprovalError,
        IntegrityError,
        EnvironmentFault,
    )
    return [error for family in families for error in family.__subclasses__()]


__all__ = [
    "AllowanceBelowSpent",
    "AllowanceExpired",
    "AllowanceInvalid",
    "AllowanceMissing",
    "AlreadyExists",
    "ApprovalError",
    "ApprovalExhausted",
    "ApprovalExpired",
    "ApprovalMissing",
    "ApprovalWithdrawn",
    "AssetMismatch",
    "BudgetError",
    "BudgetInsufficient",
    "CheckpointInvalid",
    "CheckpointUnusable",
    "ClockBehind",
    "ConfigInvalid",
    "CustodianBusy",
    "CustodianUnreachable",
    "CustodyRefused",
    "DataDrifted",
    "DataUnreadable",
    "DeviceUnavailable",
    "EnvironmentFault",
    "ExitCode",
    "HubUnreachable",
    "IdentifierInvalid",
    "IntegrityError",
    "KeyUnsafe",
    "LedgerBroken",
    "LedgerBusy",
    "LedgerRolledBack",
    "LossUnusable",
    "ModelUnusable",
    "NotAllowedHere",
    "NotCanonical",
    "NotFound",
    "NotInThisState",
    "NumberInvalid",
    "PlanStale",
    "PolicyError",
    "ProtectionUnproven",
    "RecordInvalid",
    "RefusedByPolicy",
    "RequestRefused",
    "RoundBusy",
    "RunCancelled",
    "RunDeparted",
    "ScriptUnreadable",
    "SealForeign",
    "SealInvalid",
    "SealingFailed",
    "SecondRoster",
    "SecurefedError",
    "SelfTestFailed",
    "SignatureInvalid",
    "StorageFailed",
    "SuiteUnfit",
    "SumIncomplete",
    "TextInvalid",
    "TrainingFailed",
    "TransitionInvalid",
    "UnsupportedLayer",
    "UpdateLate",
    "UpdateTwice",
    "UpdateUnusable",
    "UsageError",
    "WorkerLost",
    "all_errors",
]
