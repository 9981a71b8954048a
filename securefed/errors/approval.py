"""Errors of approval: nobody has said yes to exactly this, or not any more."""

from securefed.errors.family import ApprovalError


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
