"""A custodian and rounds to open, for tests: its log in memory, keys as those of `parties`.

`Custody()` is founded and has one registered study; change its attributes first where a test needs
another. `Custody().party` is the product's; only the clock and the store are in memory.
"""

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from securefed.adapters.ed25519_keys import Ed25519Signer, verify
from securefed.adapters.masking.study_key import MaskStudyKey
from securefed.adapters.memory import MemoryClock, MemoryLedger, MemorySeen
from securefed.adapters.tenseal_sealing.study_key import LatticeStudyKey
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.custody import CustodyEvent
from securefed.domain.identifiers import Name, StudyId
from securefed.domain.key_card import Holds, KeyCard, KnownSite, Registration
from securefed.domain.study import Suite
from securefed.errors import KeyUnsafe
from securefed.parties.custodian import CustodianParty, NewKey
from securefed.parties.witness import OwnLedger, PartyWitness
from securefed.ports import LedgerStore
from securefed.steps.keep_custody import CustodyLog
from securefed.steps.open_round import StudyKey
from tests.adapters.sealing.parties import COORDINATOR, Play, mask_key, opening_key, play
from tests.aggregation.round_of_sites import normals, roster, signer, site

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
STUDY = StudyId("readmission")
SITES = 3


class Cabinet:
    """Key files in memory."""

    def __init__(self) -> None:
        self.kept: dict[KeyCard, tuple[bytes, bytes]] = {}

    def keep(self, card: KeyCard, secret: bytes, public: bytes) -> None:
        self.kept[card] = (secret, public)

    def public(self, card: KeyCard) -> bytes:
        return self.kept[card][1]

    def check(self, cards: list[KeyCard]) -> None:
        if any(card not in self.kept for card in cards):
            raise KeyUnsafe("A key is missing")

    def discard(self, card: KeyCard) -> None:
        del self.kept[card]

    def destroy(self, study: StudyId) -> int:
        gone = [card for card in self.kept if card.study == study]
        for card in gone:
            del self.kept[card]
        return len(gone)


@dataclass
class Custody:
    """One custodian at work."""

    holds: Holds = Holds.MASK
    suites: tuple[Suite, ...] = (Suite.MASK,)
    quorum: int = 2
    store: LedgerStore = field(default_factory=MemoryLedger)
    clock: MemoryClock = field(default_factory=lambda: MemoryClock(START))
    signer: Ed25519Signer = field(default_factory=lambda: Ed25519Signer(b"k" * 32))
    cabinet: Cabinet = field(default_factory=Cabinet)
    kept: Checkpoint | None = None
    made: int = 0
    cosigned: list[Checkpoint] = field(default_factory=list)
    seen: MemorySeen = field(default_factory=MemorySeen)

    def __post_init__(self) -> None:
        self.party = self.opened()
        self.party.found(self.holds)
        self.party.register_study(self.registration(), START + timedelta(days=30))

    def registration(self, **changes: object) -> Registration:
        """What the owner agrees to."""
        fields = {
            "study": STUDY,
            "coordinator": COORDINATOR.key,
            "sites": tuple(
                KnownSite(site=site(number), key=signer(number).key) for number in range(SITES)
            ),
            "quorum": self.quorum,
            "suites": self.suites,
            "rounds": 9,
            "parameters": 10_000,
        }
        return Registration(**{**fields, **changes})

    def opened(self) -> CustodianParty:
        """The custodian, as after a restart."""
        log = CustodyLog(
            Name("registry"),
            self.store,
            self.signer,
            verify,
            self.clock,
            keep=self._keep,
            kept=self.kept,
        )
        return CustodianParty(
            log=log,
            signer=self.signer,
            verify=verify,
            cabinet=self.cabinet,
            make=self.make,
            load=self.load,
            witnessing=PartyWitness(
                Name("registry"),
                self.signer,
                verify,
                OwnLedger(
                    newest=log.checkpoint, contains=log.check_contains, keep=self.cosigned.append
                ),
                self.seen,
            ),
        )

    def make(self, holds: Holds) -> NewKey:
        """The keys of `parties`: the lattice key is the same each time."""
        if holds is Holds.LATTICE:
            key = opening_key()
            public = key.public.to_bytes()
            return NewKey(holds=key.public.digest, secret=key.secret_bytes(), public=public)
        mask, self.made = mask_key(self.made), self.made + 1
        return NewKey(holds=mask.public, secret=mask.secret_bytes(), public=b"")

    def load(self, card: KeyCard) -> StudyKey:
        """A key of the cabinet."""
        secret, public = self.cabinet.kept[card]
        if card.mask is not None:
            return MaskStudyKey.from_file(secret, card.mask)
        assert card.lattice is not None
        return LatticeStudyKey.from_files(secret, public, card.lattice)

    def events(self) -> list[CustodyEvent]:
        """What is logged."""
        return [one.event for one in self.party.log.history()]

    def kinds(self) -> list[str]:
        """What is logged, by kind."""
        return [one.kind for one in self.events()]

    def _keep(self, head: Checkpoint) -> None:
        self.kept = head


def round_of(suite: Suite = Suite.MASK, sites: int = SITES, **changes: object) -> Play:
    """A round of the study's first sites."""
    return play(roster(sites), suite, **{"quorum": 2, "parameters": 100, **changes})


def summed(one: Play, sites: tuple[int, ...] = (0, 1, 2)) -> BinaryIO:
    """A complete sum of these sites' updates, signed by the coordinator."""
    size = one.seal.parameters
    return io.BytesIO(one.summed([one.sealed(n, normals(n, size), None) for n in sites]))
