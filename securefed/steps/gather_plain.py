"""Collecting updates that are noised and not sealed, for a study whose owners agreed to that.

The coordinator sees each site's update here. Promises the same order as under a seal: a site counts
once, by its first sound update; what is kept is on the disk before it counts; the mean is that of
exactly the sites that are named with it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import ClassVar

from securefed.aggregation.grid import Floats
from securefed.aggregation.plain_update import VALUE_BYTES, parts_of, read_values, weighted_mean
from securefed.aggregation.values import NO_TALLY
from securefed.domain.identifiers import Digest, SiteId, StudyId
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.update import Roster
from securefed.errors import SealForeign, SecondRoster, UpdateTwice, UpdateUnusable
from securefed.ports import RoundFiles
from securefed.steps.round_names import AttemptNames

_LARGEST = 1 << 21


@dataclass(frozen=True, kw_only=True)
class PlainRound:
    """What a round that seals nothing is about."""

    kind: ClassVar[str] = "plain-round"
    study: StudyId
    round: int
    roster: Roster
    layout: Digest
    parameters: int


class PlainCollecting:
    """A round that is open for updates. Several threads may hand in updates at once."""

    def __init__(self, files: RoundFiles, about: PlainRound) -> None:
        self._files = files
        self._about = about
        self._names = AttemptNames(1)
        self._lock = Lock()
        self._announce()

    @property
    def delivered(self) -> tuple[SiteId, ...]:
        """The sites whose updates are here, sorted."""
        there = set(self._files.names())
        sites = (one.site for one in self._about.roster.contributors)
        return tuple(site for site in sites if self._names.update(site) in there)

    def receive(self, site: SiteId, parts: Iterable[bytes]) -> int:
        """Takes in a site's values, of which none is cut; raises why they are refused."""
        self._about.roster.contributor(site)
        content = bytearray()
        for part in parts:
            content += part
            if len(content) > VALUE_BYTES * self._about.parameters:
                raise UpdateUnusable(f"The update of {site} is longer than the model")
        read_values(bytes(content), self._about.parameters)
        with self._lock:
            if site in self.delivered:
                raise UpdateTwice(f"{site} sent an update for this round before")
            self._files.put(self._names.update(site), [bytes(content)])
        return 0

    def add(self) -> int:
        """Nothing: whoever adds these also reads them, so it is done with the mean."""
        return 0

    def average(self) -> Iterator[tuple[slice, Floats]]:
        """The weighted mean of what was delivered, part by part."""
        sites = self.delivered
        weights = [self._about.roster.contributor(site).weight for site in sites]
        for place in parts_of(self._about.parameters):
            parts = [self._part(site, place) for site in sites]
            yield place, weighted_mean(list(zip(parts, weights, strict=True)))

    @property
    def tally(self) -> Floats:
        """None: without a seal each site's metrics are shown."""
        return NO_TALLY

    def _part(self, site: SiteId, place: slice) -> bytes:
        with self._files.opener(self._names.update(site))() as file:
            file.seek(VALUE_BYTES * place.start)
            return file.read(VALUE_BYTES * (place.stop - place.start))

    def _announce(self) -> None:
        name = self._names.announced
        if name not in self._files.names():
            self._files.put(name, [to_bytes(self._about)])
            return
        with self._files.opener(name)() as file:
            found = from_bytes(PlainRound, file.read(_LARGEST))
        if (found.study, found.round) != (self._about.study, self._about.round):
            raise SealForeign("These files are of another round")
        if found != self._about:
            raise SecondRoster("The round was announced otherwise")
