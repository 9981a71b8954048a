"""Errors of a study's run over several sites: one of them, or too many, did not do their part."""

from securefed.errors.family import EnvironmentFault


class SiteFailed(EnvironmentFault):
    """A site did not finish its part of a round. The message says how its last attempt ended.

    What it trained stays charged there; the round goes on without it while the quorum holds."""

    code = "site-failed"
    hint = "Ask the site's owner what its log of the run says; spare attempts may be left."


class QuorumLost(EnvironmentFault):
    """Fewer sites finished a round than the study needs, so the round stays open.

    What the others sent is kept; nothing is trained again when the study goes on."""

    code = "quorum-lost"
    hint = "See 'securefed study status', mend what is named there, and run 'study run' again."


class RoundOverdue(EnvironmentFault):
    """A round took longer than it was given. Whatever the sites finished meanwhile is kept."""

    code = "round-overdue"
    hint = "Run the study again; it goes on where it stopped. Give it more time with --deadline."
