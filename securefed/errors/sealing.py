"""Errors of sealing: an update cannot be sealed, or what is sealed is not what it should be."""

from securefed.errors.family import EnvironmentFault, IntegrityError, UsageError


class SuiteUnfit(UsageError):
    """A suite cannot carry this roster at this precision, or has no such precision.

    Every suite states the largest roster whose sum it carries without a wrong digit."""

    code = "suite-unfit"
    hint = "Take 8, 12 or 16 bits a value, at most 1,000 sites, and the suite's own parameters."


class UpdateUnusable(UsageError):
    """An update has a value that is not a number, is infinite, or does not have the study's size.

    Nothing of it is sealed, because one such value would spoil the sum of all sites."""

    code = "update-unusable"
    hint = "Find out why the training diverged; a smaller learning rate is the usual remedy."


class SealInvalid(IntegrityError):
    """A sealed file is cut short, changed, too long, or not in the form that its suite demands.

    The lengths, the digests and the signature were checked before anything was added or opened."""

    code = "seal-invalid"
    hint = "Ask the site to send its update again; if it stays invalid, leave the site out."


class SealForeign(IntegrityError):
    """A sealed file is sound but belongs elsewhere: another round, roster, key, suite or model.

    The message names the fields that differ from what this round seals."""

    code = "seal-foreign"
    hint = "Seal the update again for the round as it was announced."


class SumIncomplete(IntegrityError):
    """A sealed sum does not come from a complete roster: a site is missing, foreign or twice there.

    Fewer sites than the study's quorum are never opened."""

    code = "sum-incomplete"
    hint = "Wait for more sites, or begin another attempt with a new roster."


class SealingFailed(EnvironmentFault):
    """The sealing library did not do what was asked of it, with input that was checked before."""

    code = "sealing-failed"
    hint = "Check the installed version of TenSEAL and the free memory, then try again."
