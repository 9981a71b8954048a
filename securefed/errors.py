"""Every error securefed raises on purpose: a stable code, an exit code, and what to do about it.

Each class is one situation that a person can act upon. Its docstring becomes its section in
`docs/errors.md`; an instance adds what happened and where. Nothing here imports anything of ours.
An exception that is not a `SecurefedError` is a defect of the program, never of its input.
"""

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


# --- usage -----------------------------------------------------------------------------------


class ConfigInvalid(UsageError):
    """A configuration file has an unknown key, a missing one, or a value of the wrong kind.

    The message names the file, the key's path, what was expected and what was found. Unknown keys
    are errors because a misspelt limit would otherwise be no limit."""

    code = "config-invalid"
    hint = "Correct the named key; the JSON Schemas in docs/schemas list every key."


class IdentifierInvalid(UsageError):
    """A name does not have the form that names have here: lower-case letters, digits and dashes,
    at most 63 characters, beginning with a letter or digit."""

    code = "identifier-invalid"
    hint = "Use lower-case letters, digits and dashes, for example 'hospital-a'."


class TextInvalid(UsageError):
    """A title or reason is empty, too long, or has invisible characters.

    Control characters, direction marks and private-use characters are refused because they can make
    a terminal or a page show something other than what is signed."""

    code = "text-invalid"
    hint = "Use one line of visible characters."


class NumberInvalid(UsageError):
    """A number is outside its range: NaN, infinite, negative, zero, fractional, or too large."""

    code = "number-invalid"
    hint = "Give a finite number in the range that the message names."


class NotFound(UsageError):
    """The named thing does not exist at this site."""

    code = "not-found"
    hint = "List what exists with the noun's 'list' or 'show' command."


class AlreadyExists(UsageError):
    """A thing with this name exists already, and names are never used twice."""

    code = "already-exists"
    hint = "Choose another name; a name in the ledger is never reused."


class NotAllowedHere(UsageError):
    """The account exists but does not have the role that this needs, or is disabled.

    A person never approves a request of their own."""

    code = "not-allowed-here"
    hint = "Ask the owner of the site; 'securefed account list' shows who may do what."


class DataUnreadable(UsageError):
    """A data file is missing, empty, not UTF-8, or its columns are not those of the data card."""

    code = "data-unreadable"
    hint = "Compare the file with its data card; 'securefed site check' reads every file again."


# --- policy ----------------------------------------------------------------------------------


class RefusedByPolicy(PolicyError):
    """At least one rule of the site's policy refuses this request.

    A refusal can't be approved. Only the policy can change, and that is an entry in the ledger."""

    code = "refused-by-policy"
    hint = "Change the study, or ask the owner to adopt another policy."


# --- budget ----------------------------------------------------------------------------------


class AllowanceMissing(BudgetError):
    """Nobody has granted an allowance for this dataset, so nothing may be spent on it."""

    code = "allowance-missing"
    hint = "Grant one with 'securefed budget grant DATASET --epsilon E --delta D'."


class AllowanceExpired(BudgetError):
    """The dataset's allowance has an end, and it has passed."""

    code = "allowance-expired"
    hint = "Grant a new one with 'securefed budget grant'; what was spent stays spent."


class AllowanceInvalid(BudgetError):
    """The granted ε and δ leave nothing to spend at the order that the filter uses, or the order is
    not one that it can use."""

    code = "allowance-invalid"
    hint = "Grant a larger ε or δ, or leave the order out and let it be chosen."


class AllowanceBelowSpent(BudgetError):
    """An allowance can't be lowered below what is already spent and reserved."""

    code = "allowance-below-spent"
    hint = "Revoke requests to free what they reserve; what is spent stays spent."


class BudgetInsufficient(BudgetError):
    """What is left of the allowance is less than the request needs.

    Nothing was reserved. The site counts everything reserved, running and committed, at the fixed
    Rényi order of the allowance."""

    code = "budget-insufficient"
    hint = "Ask for fewer rounds or more noise; 'securefed budget show' says what is left."


# --- approval --------------------------------------------------------------------------------


class ApprovalMissing(ApprovalError):
    """The request is not approved, so nothing runs."""

    code = "approval-missing"
    hint = "Read it with 'securefed request plan', then approve it by its digest."


class ApprovalExpired(ApprovalError):
    """The approval's time is over, or the request's."""

    code = "approval-expired"
    hint = "File the request again."


class ApprovalWithdrawn(ApprovalError):
    """The request was denied, revoked or closed, and a closed request never runs again."""

    code = "approval-withdrawn"
    hint = "File a new request."


class ApprovalExhausted(ApprovalError):
    """Every approved round, and every spare attempt, has been used."""

    code = "approval-exhausted"
    hint = "File a new request for more rounds."


class PlanStale(ApprovalError):
    """The digest is not that of the plan as it stands now.

    The ledger, the policy, the code, the data card or the allowance changed since the plan was
    printed, or the digest belongs to another request or site. The message lists what changed."""

    code = "plan-stale"
    hint = "Read the plan again and approve its new digest."


# --- integrity -------------------------------------------------------------------------------


class NotCanonical(IntegrityError):
    """Bytes are not in canonical form, so no signature over them counts.

    Canonical form is JSON with sorted keys, no spaces, no floats and no repeated key."""

    code = "not-canonical"
    hint = "Take the document from its source again; do not edit or reformat it."


class RecordInvalid(IntegrityError):
    """A stored or received record has a field too many, too few, or of the wrong kind."""

    code = "record-invalid"
    hint = "Take the document from its source again, or update securefed."


class SignatureInvalid(IntegrityError):
    """A signature does not match the bytes and the key."""

    code = "signature-invalid"
    hint = "Do not use the document; ask its author to send it again."


class LedgerBroken(IntegrityError):
    """The ledger does not verify: an entry was changed, dropped, reordered or does not follow.

    A site whose ledger does not verify refuses every job."""

    code = "ledger-broken"
    hint = "Stop the site, keep the file, and compare it with a co-signed checkpoint."


class LedgerRolledBack(IntegrityError):
    """The ledger is shorter than, or differs from, a checkpoint that was signed over it before.

    This is what a ledger copied back from a backup looks like. The site refuses every job."""

    code = "ledger-rolled-back"
    hint = "Restore the newest copy of the ledger; never run a site on an older one."


class CheckpointInvalid(IntegrityError):
    """A checkpoint does not have its three lines and a valid signature of its origin."""

    code = "checkpoint-invalid"
    hint = "Paste the whole checkpoint, from its first line to its last."


class DataDrifted(IntegrityError):
    """A data file is no longer the one that its card describes. Nothing runs on it."""

    code = "data-drifted"
    hint = "Restore the file, or register the new one: 'securefed site add-data dataset.toml'."


class KeyUnsafe(IntegrityError):
    """A private key's file is readable by others, is missing, or is not a key."""

    code = "key-unsafe"
    hint = "Run 'chmod 600' on the key file, or create a new key if others may have read it."


class TransitionInvalid(IntegrityError):
    """A round was moved to a state that does not follow from the one that it is in.

    Steps are authorised before they run, never taken back, and settled once."""

    code = "transition-invalid"
    hint = "This is a defect or an attack; keep the ledger and report it."


# --- environment -----------------------------------------------------------------------------


class LedgerBusy(EnvironmentFault):
    """Another process held the ledger's write lock for longer than the waiting time."""

    code = "ledger-busy"
    hint = "Try again; if it persists, look for a second process on this site's folder."


class ClockBehind(EnvironmentFault):
    """The machine's clock is more than five minutes behind the ledger's last entry.

    Approvals and allowances end at a time, so a site whose clock went back does nothing."""

    code = "clock-behind"
    hint = "Set the machine's clock; entries are never dated before the last one."


class StorageFailed(EnvironmentFault):
    """A file could not be written or read: the disk is full, read-only, or not there.

    Nothing was half written: the ledger holds either the old head or the new one."""

    code = "storage-failed"
    hint = "Free space or correct the permissions, then run the command again."


def all_errors() -> list[type[SecurefedError]]:
    """Every concrete error, in the order of this file."""
    families = (UsageError, PolicyError, BudgetError, ApprovalError, IntegrityError)
    return [error for family in (*families, EnvironmentFault) for error in family.__subclasses__()]
