"""A data scientist's folder and three desks in memory behind the addresses of its federation.

Keys are real, since the program signs with one from a file; what each site runs is `play`. The way
to a site is the only thing that is replaced: `connect` takes the place of the one over the network.
"""

import hashlib
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np

from securefed.adapters.ed25519_keys import Ed25519Signer, create_key, load_key, verify
from securefed.adapters.masking.stream import SecureChances
from securefed.adapters.memory import MemoryClock, MemoryKeys
from securefed.adapters.this_machine import SystemClock
from securefed.config.federation import Address
from securefed.domain.errand import Answer, Errand, Protection
from securefed.domain.identifiers import DatasetId, Line, RequestId, SiteId
from securefed.domain.plan import ReviewPlan
from securefed.domain.records import to_bytes
from securefed.domain.request import RequestState, SignedRequest
from securefed.domain.round import RoundId
from securefed.domain.run_order import (
    ABOUT,
    METRICS,
    AboutUpdate,
    NoisyMetric,
    NoisyMetrics,
    RunOrder,
)
from securefed.domain.seal_terms import Here, expect_protection
from securefed.domain.talk import Finished, FromRun, ToRun
from securefed.errors import SiteUnreachable
from securefed.parties.room import Room
from securefed.ports import Signer
from securefed.recipes.layout import Layout, Values
from securefed.wiring.seal import new_sealers
from tests.office import DeskRemote, Files, Office, finished, honest, pilot
from tests.world import REVIEWER, SCIENTIST, World

Played: TypeAlias = Generator[FromRun, ToRun, Finished]
Playing: TypeAlias = Callable[[Mapping[str, bytes], Files, RunOrder], Played]
SITES = ("hospital-a", "hospital-b", "hospital-c")
NOISY = "[privacy.metrics]\nnoise_multiplier = 30.0\nreleases = 1\n"
SUMMED = NOISY + "numbers = 24\n"
STUDY = """\
title = "Readmission within 30 days"
name = "readmission"
purpose = "readmission-research"
[recipe]
name = "tabular"
version = "1.0.0"
[recipe.parameters]
target = "readmitted"
numeric = ["age:65:15", "systolic:130:20", "creatinine:1:0.5"]
[model]
family = "logistic"
parameters = 4
[rounds]
count = {rounds}
minimum_sites = 2
[privacy]
noise_multiplier = 1.1
sampling_rate = 0.01
steps = 16
clip = 1.0
{metrics}
{combining}
[sealing]
{sealing}
update_bound = 1.0
[request]
valid_days = 7
""" + "".join(f'[sites.{site}]\ndataset = "admissions"\n' for site in SITES)


class RealKeys(MemoryKeys):
    """Keys by name that sign as those in files do."""

    def signer(self, name: str) -> Signer:  # type: ignore[override] # a real one
        return Ed25519Signer(hashlib.sha256(f"test key {name}".encode()).digest())

    verify = staticmethod(verify)


class DeskSite(DeskRemote):
    """A desk as the program calls it; `away` while nobody answers. One that `spoils` hands out
    something else than what it released."""

    away = False
    spoils = False
    closed = 0
    filed = 0

    def submit(self, signed: SignedRequest) -> None:
        self._expect_here()
        self.filed += 1
        known = self.office.ledger.register().requests
        if signed.request.request not in known:
            super().submit(signed)

    def state(self, request: RequestId) -> RequestState:
        self._expect_here()
        return super().state(request)

    def ask(self, request: RequestId, errand: Errand) -> Answer:
        self._expect_here()
        return super().ask(request, errand)

    def fetch(self, ticket: str, target: Path) -> None:
        super().fetch(ticket, target)
        if self.spoils:
            target.write_bytes(b"no update")

    def units(self, _dataset: DatasetId) -> int:
        self._expect_here()
        return self.office.world.units

    def close(self) -> None:
        self.closed += 1

    def _expect_here(self) -> None:
        if self.away:
            raise SiteUnreachable("No site answers", where=self.office.name)


@dataclass
class StudyDesks:
    """The folder, and the sites of its federation."""

    folder: Path
    rounds: int = 1
    metrics: str = ""
    sealing: str = 'suite = "none"'
    combining: str = ""
    custodians: str = ""
    sites: dict[str, DeskSite] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world: World = pilot(sites=SITES, minimum_sites=2)
        self.world.keys = RealKeys()
        self.world.clock = cast(MemoryClock, SystemClock())
        key = self.folder / "dana.key"
        create_key(key, "dana")
        self.world.people[SCIENTIST] = load_key(key)
        self.sites = {name: DeskSite(SealingOffice(self.world, name=name)) for name in SITES}
        for site in self.sites.values():
            site.office.play = adding(0.1, 0.2, 0.3, 0.4)
        self.write(self.rounds)
        lines = (
            f'[sites.{name}]\nurl = "http://127.0.0.1:1"\nkey = "{self.key(name)}"\n'
            for name in SITES
        )
        (self.folder / "federation.toml").write_text("".join(lines) + self.custodians)

    def write(self, rounds: int) -> None:
        """Writes the study's file, with another number of rounds perhaps."""
        changes = {"metrics": self.metrics, "sealing": self.sealing, "combining": self.combining}
        text = STUDY.format(rounds=rounds, **changes)
        (self.folder / "study.toml").write_text(text)

    def connect(self, site: SiteId, address: Address, signer: Signer) -> DeskSite:
        """The way to a site; for dana, at the key that the federation's file names."""
        assert address.key == self.key(site)
        assert signer.key == self.world.people[SCIENTIST].key
        return self.sites[site]

    def approve(self, *names: str) -> None:
        """The reviewers of these sites, or of all, approve whatever was filed there."""
        for name in names or SITES:
            office = self.sites[name].office
            for request, filed in office.ledger.register().requests.items():
                if filed.state is RequestState.PENDING:
                    plan = office.party.plan(request)
                    office.party.approve(request, plan.digest, self.world.acting(REVIEWER))

    def charged(self, name: str) -> int:
        """How many steps a site has charged."""
        book = self.sites[name].office.ledger.register().book(DatasetId("admissions"))
        return sum(
            one.steps_charged for hold in book.holds.values() for one in hold.rounds.values()
        )

    def settled(self) -> None:
        """Waits for all that is under way at the sites."""
        for site in self.sites.values():
            site.office.settled()

    def key(self, name: str) -> str:
        """A site's public key."""
        return str(self.world.keys.signer(name).key)


def first_values(*_: object) -> tuple[Layout, Values]:
    """A model of four numbers, all zero."""
    return Layout(names=("bias", "weight"), shapes=((1,), (1, 3))), np.zeros(4, np.float32)


def adding(*values: float, accuracy: str | None = None, tally: tuple[float, ...] = ()) -> Playing:
    """A run whose update has these values; with noised metrics, where an accuracy or a tally is
    given."""

    def play(given: Mapping[str, bytes], made: Files, order: RunOrder) -> Played:
        yield from honest(given, made, order)
        done = finished(made, order, values)
        about = AboutUpdate(layout=first_values()[0].digest, parameters=len(values))
        made[ABOUT] = to_bytes(about)
        if accuracy is None and not tally:
            return done
        value = Decimal(accuracy) if accuracy else None
        one = NoisyMetric(name=Line("accuracy"), value=value)
        numbers = tuple(Decimal(str(number)) for number in tally)
        made[METRICS] = to_bytes(NoisyMetrics(metrics=(one,), tally=numbers))
        return replace(done, files=(*done.files, METRICS))

    return play


class SealingOffice(Office):
    """A site that seals where its study says so, for what its study says."""

    def _room(self) -> Room:
        room = super()._room()
        tools = replace(
            room.tools,
            sealers=new_sealers,
            draw=SecureChances(),
        )
        gate = replace(room.gate, check_protection=self._check_protection)
        return replace(room, gate=gate, tools=tools)

    def _check_protection(self, plan: ReviewPlan, id: RoundId, protection: Protection) -> None:
        here = Here(
            site=plan.site,
            key=self.world.keys.signer(self.name).key,
            units=plan.card.units,
            now=self.world.clock.now(),
        )
        expect_protection(plan.request.study, id, protection, here, verify)
