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


class UpdateLate(IntegrityError):
    """An update came after its round's sum was closed. The sum stays as it is."""

    code = "update-late"
    hint = "Nothing needs to be done; the site can take part in the next round."


class UpdateTwice(IntegrityError):
    """A site sent a second update for the same attempt, with other bytes. The first one counts.

    Two updates of one site in the same round would give away their difference."""

    code = "update-twice"
    hint = "Find out why the site sealed again; another try needs another attempt."


class SecondRoster(IntegrityError):
    """A round was announced before with another roster, or its sum is closed already.

    Sums over two rosters that differ by one site give away that site's update."""

    code = "second-roster"
    hint = "Open the sum that is closed; a change of roster needs the next round."


class ProtectionUnproven(IntegrityError):
    """A round's self-test failed or is missing, so no site seals for the round.

    It seals and opens a canary, looks for secret keys, and offers files that must be refused."""

    code = "protection-unproven"
    hint = "See which check failed: the keys, the custodians, or the coordinator's own process."


class RoundBusy(EnvironmentFault):
    """Another process of the coordinator has this round's files in use."""

    code = "round-busy"
    hint = "Wait for the other process, or stop it; what was received is kept."


class WorkerLost(EnvironmentFault):
    """A process that adds updates died, or memory ran out. Nothing that was received is lost."""

    code = "worker-lost"
    hint = "Close the round again: it goes on where it stopped. Fewer processes need less memory."
