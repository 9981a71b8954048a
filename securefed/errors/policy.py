"""Errors of policy: the site's rules do not allow it."""

from securefed.errors.family import PolicyError


class RefusedByPolicy(PolicyError):
    """At least one rule of the site's policy refuses this request.

    A refusal can't be approved. Only the policy can change, and that is an entry in the ledger."""

    code = "refused-by-policy"
    hint = "Change the study, or ask the owner to adopt another policy."


class SitePaused(PolicyError):
    """The owner paused the site: no round begins and no request is filed until it is resumed.

    Rounds that had begun go on, people can still decide, and nothing is lost."""

    code = "site-paused"
    hint = "Wait; the owner ends the pause with 'securefed site resume'."
