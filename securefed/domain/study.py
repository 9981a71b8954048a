"""A study: what a data scientist wants to train, where, and under which protection.

Everything that an owner approves is in here, resolved: no default is left to be filled in later and
no reference to something that could change. What each site does is its `Participant`.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from securefed.domain.combining import Combining, plain_combining
from securefed.domain.fusion import Fusion
from securefed.domain.identifiers import (
    DatasetId,
    Digest,
    Line,
    Name,
    PublicKey,
    Sentence,
    SiteId,
    StudyId,
    Version,
)
from securefed.domain.numbers import count, positive
from securefed.domain.privacy import DpSgd, GaussianRelease, Mechanism
from securefed.domain.records import record_digest
from securefed.domain.site_sampling import drawn_sites
from securefed.domain.weighting import EqualWeights, Weighting
from securefed.errors import ConfigInvalid

# What the digests of a study, and of its own Python file, are taken as.
STUDY_KIND, OWN_CODE_KIND = "study", "own-code"
# How many bits a sealed value may have.
PRECISIONS = (8, 12, 16)
# How many numbers a tally may have. Sums are so little longer that custodians need not be told.
MOST_TALLY = 2**14

_KEYS = (
    "Name their keys under [sealing] in the study's file, or with --coordinator and --custodian. "
    "`securefed custodian init` prints a custodian's key, `securefed account new-key coordinator` "
    "makes the coordinator's."
)


class Suite(StrEnum):
    """How updates are sealed before they leave; `none` sends them privatized but in the clear."""

    BFV_MASK = "bfv+mask"
    BFV = "bfv"
    MASK = "mask"
    NONE = "none"


class ReleaseKind(StrEnum):
    """What can leave a site. Whatever is not in a plan's list is dropped."""

    SEALED_UPDATE = "sealed-update"
    PRIVATIZED_UPDATE = "privatized-update"
    # A site's own, or inside its sealed update, where only their sum over the sites is opened.
    NOISY_METRICS = "noisy-metrics"
    SUMMED_METRICS = "summed-metrics"
    PROGRESS = "progress"
    ERROR_CODE = "error-code"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of a recipe, its value as text that the recipe reads by its own type."""

    name: Line
    value: Sentence


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is trained. Own code is a file of the data scientist's, named by its digest."""

    name: Name
    version: Version
    parameters: tuple[Parameter, ...]
    own_code: Digest | None

    def __post_init__(self) -> None:
        names = [parameter.name for parameter in self.parameters]
        if names != sorted(set(names)):
            raise ConfigInvalid("A recipe's parameters are sorted by name, and each stands once")


@dataclass(frozen=True, kw_only=True)
class Model:
    """The shape of what is sent: a model family and its number of trained parameters."""

    family: Name
    parameters: int

    def __post_init__(self) -> None:
        count("model parameters", self.parameters)


@dataclass(frozen=True, kw_only=True)
class Participant:
    """One site's part in a study: the mechanisms of one attempt at one round."""

    site: SiteId
    dataset: DatasetId
    training: DpSgd
    metrics: GaussianRelease | None

    @property
    def attempt(self) -> tuple[DpSgd | GaussianRelease, ...]:
        """What one attempt at a round does to the data."""
        return (self.training,) if self.metrics is None else (self.training, self.metrics)


@dataclass(frozen=True, kw_only=True)
class Sealing:
    """How updates are sealed, and who can open their sums.

    `reach` is the largest value that the suite's levels stand for. The coordinator's key signs
    self-tests and sums. Each custodian holds one kind of key: where updates are encrypted, one
    custodian holds the lattice key, and where they are masked, the others hold the masks'. A study
    can be planned before its keys are known, but neither filed nor run.

    `tally` is how many numbers of a noised tally are sealed with each update, so that metrics are
    of all sites together. With zero, what a site measures leaves by itself, if anything does."""

    suite: Suite
    update_bound: Decimal
    reach: Decimal
    bits: int
    tally: int
    weighting: Weighting
    coordinator: PublicKey | None
    custodians: tuple[PublicKey, ...]

    def __post_init__(self) -> None:
        positive("update bound", self.update_bound)
        positive("reach", self.reach)
        if self.bits not in PRECISIONS:
            raise ConfigInvalid(f"{self.bits} bits a value are not offered: 8, 12 and 16 are")
        if list(self.custodians) != sorted(set(self.custodians)):
            raise ConfigInvalid("A study's custodians are sorted by key, and each stands once")
        if self.coordinator in self.custodians:
            raise ConfigInvalid("The coordinator is no custodian: it would open what it adds")
        if self.suite is Suite.NONE and (self.coordinator or self.custodians):
            raise ConfigInvalid("The suite none has nothing to open, so it names nobody who can")
        count("numbers of a tally", self.tally, least=0, most=MOST_TALLY)
        if self.suite is Suite.NONE and self.tally:
            raise ConfigInvalid("The suite none seals no metrics: each site's are shown")

    def expect_openable(self) -> None:
        """Refuses a study whose sums nobody could open, or without a coordinator that may ask."""
        if self.suite is Suite.NONE:
            return
        missing = "no coordinator" if self.coordinator is None else self._custodians_wanted()
        if missing:
            raise ConfigInvalid(f"The study names {missing}, so no sum could be opened", hint=_KEYS)

    def _custodians_wanted(self) -> str:
        """What is wrong with the number of custodians, or nothing."""
        found = len(self.custodians)
        least = 2 if self.suite is Suite.BFV_MASK else 1
        if found == least or (found > least and self.suite is not Suite.BFV):
            return ""
        wanted = "exactly 1" if self.suite is Suite.BFV else f"at least {least}"
        return f"{found or 'no'} custodians, and the suite {self.suite} needs {wanted}"


@dataclass(frozen=True, kw_only=True)
class Study:
    """The whole of what is asked of every site. With `fusion` a site trains nothing that leaves it:
    the update is its teachers' noised votes, and the training is the one step that noises them."""

    study: StudyId
    title: Line
    purpose: Name
    recipe: Recipe
    model: Model
    rounds: int
    spare_attempts: int
    minimum_sites: int
    sealing: Sealing
    combining: Combining
    valid_days: int
    participants: tuple[Participant, ...]
    fusion: Fusion | None = None

    def __post_init__(self) -> None:
        count("rounds", self.rounds, most=100_000)
        count("spare attempts", self.spare_attempts, least=0, most=100_000)
        count("valid days", self.valid_days, most=3650)
        sites = [participant.site for participant in self.participants]
        if not sites or len(set(sites)) != len(sites):
            raise ConfigInvalid("A study names at least one site, and each once")
        count("minimum sites", self.minimum_sites, most=len(sites))
        for participant in self.participants:
            for one in participant.attempt:
                count(f"{one.kind} in all attempts", one.times * self.attempts)
        self._check_combining(len(sites))
        if self.sealing.tally and not all(one.metrics for one in self.participants):
            raise ConfigInvalid("Metrics are summed over all sites, so all of them measure")
        if self.fusion is not None:
            self._check_fusion(self.fusion)

    @property
    def attempts(self) -> int:
        """How many attempts an approval covers, failed ones included."""
        return self.rounds + self.spare_attempts

    @property
    def release_kinds(self) -> tuple[ReleaseKind, ...]:
        """What would leave each site."""
        sealed = self.sealing.suite is not Suite.NONE
        update = ReleaseKind.SEALED_UPDATE if sealed else ReleaseKind.PRIVATIZED_UPDATE
        measured = any(participant.metrics for participant in self.participants)
        kind = ReleaseKind.SUMMED_METRICS if self.sealing.tally else ReleaseKind.NOISY_METRICS
        metrics = (kind,) if measured else ()
        return (update, *metrics, ReleaseKind.PROGRESS, ReleaseKind.ERROR_CODE)

    def participant(self, site: SiteId) -> Participant:
        """The part of one site; a study that does not name the site asks nothing of it."""
        for participant in self.participants:
            if participant.site == site:
                return participant
        raise ConfigInvalid(f"The study {self.study} does not name the site {site}")

    def sites_of(self, round_: int) -> tuple[SiteId, ...]:
        """The sites that are asked in a round, sorted."""
        sites = [participant.site for participant in self.participants]
        size = self.combining.sites_per_round
        if size is None:
            return tuple(sorted(sites))
        return drawn_sites(record_digest(STUDY_KIND, self), round_, sites, size)

    def whole(self, site: SiteId) -> tuple[Mechanism, ...]:
        """All that an approval would allow at a site: every attempt of every round."""
        attempt = self.participant(site).attempt
        return tuple(one.repeated(one.times * self.attempts) for one in attempt)

    def _check_combining(self, sites: int) -> None:
        size, stop = self.combining.sites_per_round, self.combining.stop
        if size is not None:
            count("sites in a round", size, least=self.minimum_sites, most=sites)
        steps = {one.site: one.training.steps for one in self.participants}
        if self.combining.control and len(set(steps.values())) > 1:
            stated = ", ".join(f"{site} {number}" for site, number in sorted(steps.items()))
            raise ConfigInvalid(
                f"control needs equally many steps in a round at all sites, not {stated}"
            )
        if stop is not None and not any(one.metrics for one in self.participants):
            raise ConfigInvalid(
                f"The study stops by the metric {stop.metric!r}, and no site releases metrics",
                hint="Ask for metrics under [privacy.metrics], or leave out [combining.stop].",
            )

    def _check_fusion(self, fusion: Fusion) -> None:
        if self.rounds != 1 or self.combining != plain_combining():
            raise ConfigInvalid(
                "Votes are counted once and added up",
                hint="Write count = 1 under [rounds], and leave out [combining].",
            )
        if self.sealing.weighting != EqualWeights() or any(p.metrics for p in self.participants):
            raise ConfigInvalid(
                "A teacher's vote counts alike at every site, and no model is measured there",
                hint="Leave out weight_cap and [privacy.metrics].",
            )
        fusion.check_model(self.recipe.name, self.model.family, self.model.parameters)
        for participant in self.participants:
            fusion.check_step(participant.training)
        fusion.check_grid(
            tuple(participant.training for participant in self.participants),
            bits=self.sealing.bits,
            reach=self.sealing.reach,
            bound=self.sealing.update_bound,
        )
