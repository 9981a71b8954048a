"""Metrics that are summed under the seal: only the sum is ever seen, and a site seals no other.

Three desks, a coordinator and a custodian of masks, all in memory; what a site measures is played.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import cast

import numpy as np
import pytest

from securefed.adapters.blob_files import MemoryBlobs
from securefed.adapters.blob_files.in_memory import MemoryWriter
from securefed.adapters.ed25519_keys import Ed25519Signer
from securefed.adapters.memory import MemoryClock
from securefed.adapters.memory_round import MemoryFiles, MemorySecrets, MemoryWorkers
from securefed.adapters.this_machine import SystemClock
from securefed.aggregation.shape import digits_of
from securefed.domain.blob import BlobId
from securefed.domain.collection import Announced
from securefed.domain.errand import Attempt, Phase, Protection, Report, Standing, Train
from securefed.domain.identifiers import Digest, ExchangeKey, Name, RequestId, SiteId, StudyId
from securefed.domain.key_card import KeyCard, SignedCard
from securefed.domain.records import to_bytes
from securefed.domain.run_order import (
    ABOUT,
    METRICS,
    UPDATE,
    AboutUpdate,
    NoisyMetrics,
    RunOrder,
)
from securefed.domain.seal_terms import announce
from securefed.domain.study import ReleaseKind, Suite
from securefed.domain.update import Contributor, Roster
from securefed.errors import SealForeign
from securefed.parties.coordinator import CoordinatorParty, Equipment
from securefed.ports import Signer
from securefed.steps.make_canary import Sealing
from securefed.steps.prove_protection import Tools
from tests.adapters.sealing.parties import COORDINATOR, mask_key
from tests.office import LAYOUT, Files, finished, honest, pilot
from tests.steps.sealed_round import InProcess, adder_of, new_sealer
from tests.study_desks import Played, RealKeys, SealingOffice
from tests.world import World

SITES = ("hospital-a", "hospital-b", "hospital-c")
TURN = Attempt(round=1, attempt=1)
TALLIES = {"hospital-a": (101.5, -2.25, 7.0), "hospital-b": (40.125, 3, 0), "hospital-c": (9, 9, 9)}


class Keys(RealKeys):
    """With the coordinator that sums are signed by."""

    def signer(self, name: str) -> Signer:  # type: ignore[override] # real keys, too
        return COORDINATOR if name == "coordinator" else super().signer(name)


class Noticed(MemoryBlobs):
    """Blobs, and every one that was ever laid."""

    def __init__(self) -> None:
        super().__init__(2**20)
        self.laid: list[Digest] = []

    def writer(self, blob: BlobId, length: int) -> MemoryWriter:
        self.laid.append(blob.digest)
        return super().writer(blob, length)


class Site(SealingOffice):
    """A site whose run measures this."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.blobs: Noticed = Noticed()
        self.measures(*TALLIES[self.name])
        self.desk = self.new_desk()

    def measures(self, *tally: float, said: str | None = None) -> None:
        """What the run says it measured; with `said` in the place of the last number."""

        def play(given: Mapping[str, bytes], made: Files, order: RunOrder) -> Played:
            yield from honest(given, made, order)
            done = finished(made, order)
            made[ABOUT] = to_bytes(AboutUpdate(layout=LAYOUT, parameters=4))
            numbers = tuple(Decimal(str(one)) for one in tally)
            content = to_bytes(NoisyMetrics(metrics=(), tally=numbers))
            if said is not None:
                content = content.replace(f'"{numbers[-1]}"]'.encode(), f'"{said}"]'.encode())
                assert said.encode() in content
            made[METRICS] = content
            return replace(done, files=(*done.files, METRICS))

        self.play = play


@dataclass
class Party:
    """A study's sites and its coordinator."""

    tally: int = 3

    def __post_init__(self) -> None:
        changes = {"suite": Suite.MASK, "minimum_sites": 2, "sites": SITES, "tally": self.tally}
        self.world: World = pilot(**changes, metrics_noise=Decimal(5))
        self.world.keys = Keys()
        self.world.clock = cast(MemoryClock, SystemClock())
        self.sites = {name: Site(self.world, name=name) for name in SITES}
        self.requests = {name: one.approved() for name, one in self.sites.items()}
        self.study = self.world.whole_study()
        announced = announce(self.study, TURN, self.roster(), [self.card()], LAYOUT)
        self.coordinator = self.announcing(announced)

    def roster(self) -> Roster:
        """All sites."""
        keys = {name: self.world.keys.signer(name).key for name in SITES}
        return Roster(
            contributors=tuple(
                Contributor(site=SiteId(name), key=key, weight=1) for name, key in keys.items()
            )
        )

    def card(self) -> SignedCard:
        """The custodian's key, as published."""
        signer = self.world.keys.signer("mask")
        card = KeyCard(
            custodian=Name("notary"),
            signer=signer.key,
            study=StudyId("readmission"),
            number=1,
            first_round=1,
            lattice=None,
            mask=ExchangeKey(mask_key(0).public),
            until=self.world.clock.now().replace(year=2100),
        )
        return SignedCard(card=card, signature=signer.sign(card.signed))

    def announcing(self, announced: Announced) -> CoordinatorParty:
        """A coordinator whose self-test of this attempt passed."""
        sealing = Sealing(
            new_sealer=new_sealer,
            new_adder=adder_of(announced.seal),
            new_signer=lambda: Ed25519Signer(np.random.default_rng().bytes(32)),
            verify=self.world.keys.verify,
        )
        tools = Tools(
            sealing=sealing,
            custodians=[InProcess(mask_key(0))],
            secrets=MemorySecrets(),
            signer=COORDINATOR,
        )
        party = CoordinatorParty(
            MemoryFiles(), announced, Equipment(tools=tools, workers=MemoryWorkers())
        )
        self.protection = Protection(
            announced=announced, proof=party.prove(), cards=(self.card(),), lattice=None
        )
        return party

    def train(self, name: str) -> Standing:
        """Asks a site for its part."""
        site, request = self.sites[name], self.requests[name]
        site.ask(request, Train(of=TURN, weights=None, code=None, protection=self.protection))
        site.settled()
        found = site.ask(request, Report(of=TURN))
        assert isinstance(found, Standing)
        return found

    def deliver(self, name: str) -> Standing:
        """And takes what it released."""
        standing = self.train(name)
        assert standing.phase is Phase.DONE, self.sites[name].failed
        blob = BlobId(of=standing.id, digest=standing.released[0].digest)
        with closing(self.sites[name].blobs.open(blob)) as file:
            self.coordinator.receive(SiteId(name), [file.read()])
        return standing


@pytest.fixture
def party() -> Party:
    return Party()


def test_only_the_sum_of_the_tallies_is_ever_seen(party: Party) -> None:
    for name in SITES[:2]:
        standing = party.deliver(name)
        assert [one.file for one in standing.released] == [UPDATE]
        assert party.sites[name].blobs.laid == [standing.released[0].digest]
    average = np.concatenate([part for _, part in party.coordinator.average()])
    assert average == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=1 / 127)
    plain = np.array([TALLIES[name] for name in SITES[:2]]).sum(0)
    assert np.abs(party.coordinator.tally - plain).max() <= 2 / 128


@pytest.mark.parametrize("tally", [(), (1, 2), (1, 2, 3, 4)], ids=["none", "short", "long"])
def test_a_run_that_measures_something_else_lets_nothing_out(
    party: Party, tally: tuple[float, ...]
) -> None:
    site = party.sites["hospital-a"]
    site.measures(*tally)
    standing = party.train("hospital-a")
    assert (standing.phase, standing.released, site.blobs.laid) == (Phase.FAILED, (), [])
    assert standing.cause == "update-unusable"
    hold = site.ledger.register().book("admissions").holds[party.requests["hospital-a"]]
    assert [one.steps_charged for one in hold.rounds.values()] == [16]


@pytest.mark.parametrize("said", ["NaN", "Infinity", "-1e400", "private"])
def test_a_tally_that_is_no_finite_number_lets_nothing_out(party: Party, said: str) -> None:
    site = party.sites["hospital-a"]
    site.measures(1, 2, 7, said=said)
    standing = party.train("hospital-a")
    assert (standing.phase, standing.released, site.blobs.laid) == (Phase.FAILED, (), [])
    assert said not in str(standing.cause)


def test_a_tally_beyond_the_reach_is_cut_and_spoils_no_other_number(party: Party) -> None:
    party.sites["hospital-a"].measures(1e30, -1e30, 7)
    for name in SITES[:2]:
        party.deliver(name)
    list(party.coordinator.average())
    reach = digits_of(party.protection.announced.seal).reach
    assert party.coordinator.tally == pytest.approx([reach + 40.125, 3 - reach, 7])


@pytest.mark.parametrize("tally", [0, 2, 4])
def test_a_site_reserves_nothing_for_a_coordinator_that_announces_another_tally(
    party: Party, tally: int
) -> None:
    """Without one, its own metrics would leave beside its update; with another, who knows what."""
    announced = party.coordinator.state.announced
    party.announcing(replace(announced, seal=replace(announced.seal, tally=tally)))
    with pytest.raises(SealForeign, match="another tally"):
        party.train("hospital-a")
    assert party.sites["hospital-a"].blobs.laid == []
    book = party.sites["hospital-a"].ledger.register().book("admissions")
    assert not book.holds[party.requests["hospital-a"]].rounds


def test_summing_costs_what_showing_costs_and_the_plan_says_which() -> None:
    plans = []
    for tally in (3, 0):
        party = Party(tally=tally)
        request: RequestId = party.requests["hospital-a"]
        plans.append(party.sites["hospital-a"].party.plan(request))
    summed, shown = plans
    assert summed.loss == shown.loss
    assert summed.budget == shown.budget
    assert ReleaseKind.SUMMED_METRICS in summed.request.study.release_kinds
    assert ReleaseKind.NOISY_METRICS in shown.request.study.release_kinds


def test_a_study_that_shows_each_sites_metrics_releases_them_beside_the_update() -> None:
    party = Party(tally=0)
    standing = party.train("hospital-a")
    assert [one.file for one in standing.released] == [UPDATE, METRICS]
