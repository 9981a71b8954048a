"""What a coordinator's run over a study is made from: the plan, the sites, the tools, the log."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from securefed.aggregation.combining import ServerState
from securefed.aggregation.grid import Floats
from securefed.domain.errand import Protection, Standing
from securefed.domain.identifiers import Digest, Name, RequestId, SiteId
from securefed.domain.run_order import NoisyMetrics
from securefed.domain.study import Study
from securefed.parties.checkpoint_exchange import CheckpointExchange
from securefed.ports import RemoteSite, RoundFiles
from securefed.steps.await_custodian import Waiting
from securefed.steps.visit_site import Parcel


class Gathering(Protocol):
    """Where one round's updates are collected and become their average."""

    @property
    def delivered(self) -> tuple[SiteId, ...]:
        """The sites whose updates are here."""
        ...

    def receive(self, site: SiteId, parts: Iterable[bytes]) -> int:
        """Takes in an update, and says how many of its values the seal's reach had cut; raises why
        it is refused."""
        ...

    def add(self) -> int:
        """Adds all that came in, so that nothing more does; the bytes of the sum that goes to who
        opens it."""
        ...

    def average(self) -> Iterator[tuple[slice, Floats]]:
        """The weighted average, part by part."""
        ...

    @property
    def tally(self) -> Floats:
        """The sum of the sites' noised tallies, once all of the average was given; empty where the
        study sums none."""
        ...


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """A round that is announced: where updates go, and what sites are shown for it."""

    gathering: Gathering
    protection: Protection | None
    lattice: Parcel | None
    closed: bool


@dataclass(frozen=True, kw_only=True)
class Member:
    """A site of the study, as the coordinator calls it."""

    site: SiteId
    request: RequestId
    remote: RemoteSite


@dataclass(frozen=True, kw_only=True)
class Noted:
    """Something that happened, for the log: whose part of which round, how long, how much."""

    round: int
    site: SiteId | None
    part: Name
    seconds: float = 0.0
    bytes: int = 0
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class RunTools:
    """What a run works with. `models` and `round_files` are the coordinator's own folders; in
    `folder` lie files on their way. `gather` announces a round, and its custodians are awaited as
    it is told. `released` are the metrics of a round that is done."""

    models: RoundFiles
    round_files: Callable[[int], AbstractContextManager[RoundFiles]]
    gather: Callable[[int, RoundFiles, Waiting], Gathered]
    released: Callable[[int], Sequence[NoisyMetrics]]
    folder: Path
    monotonic: Callable[[], float]
    note: Callable[[Noted], None]
    on_standing: Callable[[SiteId, Standing], None]
    exchange: CheckpointExchange


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """What is run: the study, where its model begins, what makes metrics from the sum of all sites'
    noised tallies, and how long a round waits for sites or a custodian."""

    study: Study
    layout: Digest
    first: Callable[[], ServerState]
    figures: Callable[[Floats], NoisyMetrics]
    code: Parcel | None
    deadline_s: float
