"""Rounds without waiting for the slowest: who trains from which version, and who is summed next.

Buffered asynchronous rounds (FedBuff, Nguyen et al. 2022) under the seal. A sum opens only as a
whole, and a site must know the roster before it seals. So a site trains first, says that it is
ready, and waits; as soon as enough are ready they become a lot, which is the roster of one attempt.
One lot is open at a time, so nothing gets staler while it is summed.

Promises that an update is sealed for one lot only, whatever becomes of that lot: an update in two
sums that differ by one site would give that site's update away. What a failed lot had sealed is
lost, and stays charged. Pure and frozen: each act checks first and returns the next buffer.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from fractions import Fraction

from securefed.domain.identifiers import SiteId
from securefed.domain.numbers import count
from securefed.domain.update import LARGEST_ROSTER
from securefed.domain.weighting import FRESH, stale_weight
from securefed.errors import NotFound, SumIncomplete, TransitionInvalid


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A site that has trained and not yet sealed, and the version that it began with."""

    site: SiteId
    version: int


@dataclass(frozen=True, kw_only=True)
class Lot:
    """The sites of one attempt at the step that follows a version, in the order of readiness."""

    version: int
    attempt: int
    members: tuple[Ready, ...]

    @property
    def sites(self) -> frozenset[SiteId]:
        """Who is in it."""
        return frozenset(one.site for one in self.members)

    def weights(self, fresh: Mapping[SiteId, int]) -> dict[SiteId, int]:
        """The roster's weights: each site's own, discounted by its staleness."""
        return {
            one.site: stale_weight(fresh[one.site], self.version - one.version)
            for one in self.members
        }

    def damping(self, fresh: Mapping[SiteId, int], summed: Set[SiteId]) -> Fraction:
        """What the opened average is multiplied by, given who is in the sum.

        It was divided by the discounted weights; FedBuff divides by the whole ones, so that a lot
        of stale updates moves the model less."""
        weights = self.weights(fresh)
        if not summed or not summed <= weights.keys():
            raise SumIncomplete("A sum is of some sites of its lot")
        whole = sum(fresh[site] for site in summed) * FRESH
        return Fraction(sum(weights[site] for site in summed), whole)


@dataclass(frozen=True, kw_only=True)
class Buffer:
    """Where everybody stands. `size` sites make a lot; `quorum` of them still make a step."""

    size: int
    quorum: int
    version: int = 0
    attempts: int = 0
    training: Mapping[SiteId, int] = field(default_factory=dict)
    ready: tuple[Ready, ...] = ()
    lot: Lot | None = None

    def __post_init__(self) -> None:
        # A sum of one is that one's update.
        count("buffer size", self.size, least=2, most=LARGEST_ROSTER)
        count("quorum", self.quorum, least=2, most=self.size)
        count("version", self.version, least=0)
        count("attempts", self.attempts, least=0)

    @property
    def busy(self) -> frozenset[SiteId]:
        """The sites that train, wait or are being summed."""
        waiting = {one.site for one in self.ready}
        summed = self.lot.sites if self.lot else frozenset()
        return frozenset(self.training.keys() | waiting | summed)

    def beginning(self, site: SiteId) -> "Buffer":
        """A site begins to train from the newest version."""
        if site in self.busy:
            raise TransitionInvalid(f"{site} has an update under way", where=self._where)
        return replace(self, training={**self.training, site: self.version})

    def with_ready(self, site: SiteId) -> "Buffer":
        """A site has trained; it joins the queue. To say so again changes nothing."""
        if site not in self.training:
            if site in self.busy:
                return self
            raise NotFound(f"{site} was not asked to train", where=self._where)
        joined = Ready(site=site, version=self.training[site])
        return replace(self, training=self._training_without(site), ready=(*self.ready, joined))

    def without(self, site: SiteId) -> "Buffer":
        """A site that trains or waits is gone, and its update with it."""
        waiting = tuple(one for one in self.ready if one.site != site)
        return replace(self, training=self._training_without(site), ready=waiting)

    def forming(self, *, patient: bool = True) -> "Buffer":
        """Those who waited longest become a lot, if they are enough; else nothing changes.

        When a deadline has passed, be patient no longer: then the quorum is enough."""
        enough = self.size if patient else self.quorum
        if self.lot is not None or len(self.ready) < enough:
            return self
        attempt = self.attempts + 1
        lot = Lot(version=self.version, attempt=attempt, members=self.ready[: self.size])
        return replace(self, attempts=attempt, ready=self.ready[self.size :], lot=lot)

    def stepped(self, sealed: Set[SiteId], summed: Set[SiteId]) -> "Buffer":
        """The lot's sum was opened and moved the model; who never sealed waits on, in front."""
        lot = self._open_lot(sealed)
        if not summed <= sealed or len(summed) < self.quorum:
            raise SumIncomplete(f"A step takes {self.quorum} sites of those that sealed")
        return replace(self._settled(lot, sealed), version=self.version + 1, attempts=0)

    def failed(self, sealed: Set[SiteId]) -> "Buffer":
        """The lot came to no sum; who never sealed waits on, in front."""
        return self._settled(self._open_lot(sealed), sealed)

    def _open_lot(self, sealed: Set[SiteId]) -> Lot:
        if self.lot is None:
            raise TransitionInvalid("No lot is open", where=self._where)
        if not sealed <= self.lot.sites:
            raise TransitionInvalid("A site sealed that is not in the lot", where=self._where)
        return self.lot

    def _settled(self, lot: Lot, sealed: Set[SiteId]) -> "Buffer":
        kept = tuple(one for one in lot.members if one.site not in sealed)
        return replace(self, lot=None, ready=(*kept, *self.ready))

    def _training_without(self, site: SiteId) -> dict[SiteId, int]:
        return {name: version for name, version in self.training.items() if name != site}

    @property
    def _where(self) -> str:
        return f"version {self.version}"
