"""Errors of the machine: a disk, a lock or a clock did not do what was asked."""

from securefed.errors.family import EnvironmentFault


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


class ProgramFailed(EnvironmentFault):
    """A program that this one started ended at once, or was not ready in time."""

    code = "program-failed"
    hint = "Read the named file; it has what the program said."
