"""A study of several rounds at several sites, its custodians' logs, and the evidence of it.

Keys are real, so that a verifier without securefed can check them. Custodians' logs are written
through the product's log; nothing is sealed, because a log holds digests only.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import cast

from securefed.adapters.ed25519_keys import Ed25519Signer, PooledChecker
from securefed.adapters.memory import MemoryAccountant, MemoryKeys, MemoryLedger
from securefed.adapters.odometer import Odometer
from securefed.domain.canonical import digest_of
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.custody import (
    CustodyFounded,
    RoundOpened,
    StudyRegistered,
    Turn,
)
from securefed.domain.event import ProtectionTested
from securefed.domain.evidence import SignedEvidence, SignedPart
from securefed.domain.identifiers import ExchangeKey, Name, RequestId, SiteId, StudyId
from securefed.domain.key_card import Holds, KeyCard, KnownSite, Registration, SignedCard
from securefed.domain.protection import Check, CheckResult, Proof, SignedProof
from securefed.domain.round import RoundId
from securefed.domain.study import Suite
from securefed.parties.site import SiteParty
from securefed.ports import SecondAccountant
from securefed.steps.gather_evidence import custodian_part, gather_evidence, site_part
from securefed.steps.keep_custody import CustodyLog
from securefed.steps.meter_round import authorise_steps, commit_round, reserve_round
from securefed.steps.verify_evidence import Examining
from securefed.steps.vouch_checkpoint import cosign_checkpoint
from tests.ledger.real_world import SeededKeys
from tests.world import START, World, digest

STUDY = StudyId("readmission")
OFFICER = Name("officer")
CUSTODIANS = {"lattice": Holds.LATTICE, "mask": Holds.MASK}


class SilentSecond:
    """A second accountant that has no figure, where the test is not about it."""

    name = "nobody"

    def epsilon(self, mechanisms: object, delta: Decimal) -> Decimal | None:
        return None


@dataclass
class Study:
    """The world after the study has run."""

    rounds: int = 3
    sites: tuple[str, ...] = ("hospital-a", "hospital-b", "hospital-c")
    spare: int = 0
    blocks: int = 2
    world: World = field(init=False)
    parties: dict[str, SiteParty] = field(default_factory=dict)
    requests: dict[str, RequestId] = field(default_factory=dict)
    logs: dict[str, CustodyLog] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world = World(
            sites=self.sites, rounds=self.rounds, steps=16, suite=Suite.BFV_MASK, spare=self.spare
        )
        self.world.keys = cast(MemoryKeys, SeededKeys())
        self.world.accountant = cast(MemoryAccountant, Odometer())
        for name in self.sites:
            self.parties[name] = self.world.site(name)
            self.requests[name] = self.world.approved(self.parties[name])

    def signer(self, name: str) -> Ed25519Signer:
        """Anybody's key."""
        return cast(Ed25519Signer, self.world.keys.signer(name))

    def run(self) -> "Study":
        """Every round, at every site and custodian."""
        for name, holds in CUSTODIANS.items():
            self.logs[name] = self._founded(name, holds)
        for number in range(1, self.rounds + 1):
            for site in self.sites:
                self.play(site, number)
            for log in self.logs.values():
                log.record(self.opened(number))
        return self

    def play(self, name: str, number: int) -> None:
        """One round at one site."""
        ledger, id = self.parties[name].ledger, self.round(name, number)
        token = reserve_round(ledger, id, self.world.entropy)
        ledger.record(ProtectionTested(id=id, tested=self.proof(number)))
        steps = self.world.steps
        for block in range(1, self.blocks + 1):
            authorise_steps(ledger, token, steps * block // self.blocks)
        commit_round(ledger, token, steps, (digest(f"update {name} {number}"),))
        self.world.wait(minutes=1)

    def round(self, name: str, number: int) -> RoundId:
        return RoundId(request=self.requests[name], round=number, attempt=1)

    def proof(self, number: int) -> SignedProof:
        """The coordinator's self-test of a round."""
        signer = self.signer("coordinator")
        proof = Proof(
            study=STUDY,
            round=number,
            attempt=1,
            seal=digest(f"seal {number}"),
            canary=digest(f"canary {number}"),
            coordinator=signer.key,
            results=tuple(CheckResult(check=one, passed=True) for one in Check),
        )
        return SignedProof(proof=proof, signature=signer.sign(proof.signed))

    def opened(self, number: int, **changes: object) -> RoundOpened:
        """What a custodian logs of a round."""
        fields = {
            "turn": Turn(study=STUDY, round=number, attempt=1),
            "seal": digest(f"seal {number}"),
            "roster": digest(f"roster {number}"),
            "sum": digest(f"sum {number}"),
            "sites": tuple(SiteId(one) for one in self.sites),
        }
        return RoundOpened(**{**fields, **changes})

    def part(self, name: str) -> SignedPart:
        """What a site or a custodian hands out; its neighbour has co-signed its newest head."""
        if name in self.logs:
            log = self.logs[name]
            return custodian_part(log, self.signer(name), [self.note(name)], STUDY)
        ledger = self.parties[name].ledger
        return site_part(ledger, self.signer(name), [self.note(name)], STUDY, Odometer())

    def note(self, name: str) -> Checkpoint:
        """A checkpoint that the next site has co-signed."""
        made = (self.logs.get(name) or self.parties[name].ledger).checkpoint()
        names = list(self.sites)
        other = names[(names.index(name) + 1) % len(names)] if name in names else names[0]
        return cosign_checkpoint(made, Name(other), self.signer(other))

    def gathered(self, parts: list[SignedPart] | None = None) -> SignedEvidence:
        """The officer's document."""
        chosen = parts or [self.part(name) for name in (*self.sites, *self.logs)]
        by = (OFFICER, self.signer(OFFICER))
        return gather_evidence(chosen, STUDY, by, (), self.world.clock.now())

    def examining(self, second: SecondAccountant | None = None, **more: object) -> Examining:
        """What the verifier has."""
        return Examining(
            verify=self.world.keys.verify,
            checker=PooledChecker(),
            accountant=Odometer(),
            second=second or SilentSecond(),
            **more,
        )

    def _founded(self, name: str, holds: Holds) -> CustodyLog:
        log = custody_log(name, self.signer(name), self.world)
        log.record(CustodyFounded(custodian=Name(name), key=self.signer(name).key, holds=holds))
        registration = Registration(
            study=STUDY,
            coordinator=self.signer("coordinator").key,
            sites=tuple(
                KnownSite(site=SiteId(one), key=self.signer(one).key) for one in sorted(self.sites)
            ),
            quorum=2,
            suites=(Suite.BFV_MASK,),
            rounds=self.rounds,
            parameters=20_000,
        )
        made = key_card(name, holds, self.signer(name))
        log.record(StudyRegistered(registration=registration, made=made))
        return log


def custody_log(name: str, signer: Ed25519Signer, world: World) -> CustodyLog:
    """An empty log in memory."""
    keep: Callable[[Checkpoint], None] = lambda head: None  # noqa: E731
    return CustodyLog(
        Name(name), MemoryLedger(), signer, world.keys.verify, world.clock, keep=keep, kept=None
    )


def key_card(name: str, holds: Holds, signer: Ed25519Signer) -> SignedCard:
    """A custodian's first key."""
    lattice = digest_of("test", b"lattice") if holds is Holds.LATTICE else None
    mask = None if lattice else ExchangeKey("x25519:09" + "0" * 62)
    card = KeyCard(
        custodian=Name(name),
        signer=signer.key,
        study=STUDY,
        number=1,
        first_round=1,
        lattice=lattice,
        mask=mask,
        until=START + timedelta(days=30),
    )
    return SignedCard(card=card, signature=signer.sign(card.signed))
