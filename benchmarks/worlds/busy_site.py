"""A site with as long a history as a benchmark wants, made by the product's own steps.

Every entry is signed with Ed25519 keys, judged by the shipped baseline policy and admitted by the
budget, so the ledger is one that a site could have. Only what would be slow and is not measured is
left out: the store is a list, and the plans say ε = 0.

    site = BusySite()
    site.run_jobs(1000, rounds=1, blocks=1)    # six entries a job
    site.ledger.register().head.size
"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

from benchmarks.worlds.jobs import STEPS
from benchmarks.worlds.list_ledger import ListLedger
from securefed.adapters.ed25519_keys import Ed25519Signer, verify
from securefed.adapters.memory import MemoryAccountant, MemoryClock, MemoryEntropy, MemoryMachine
from securefed.config import load_policy, load_study
from securefed.domain.decision import Approval
from securefed.domain.event import Decided, RequestClosed
from securefed.domain.identifiers import AccountId, DatasetId, Digest, Line, Name, SiteId
from securefed.domain.ledger import Verify
from securefed.domain.privacy import Adjacency, Mechanism, PrivacyLoss, PrivacyUnit
from securefed.domain.request import CodeRequest, RequestState
from securefed.domain.round import RoundId
from securefed.domain.site import Account, Column, ColumnType, DataCard, Role, Site
from securefed.domain.study import Participant, Study
from securefed.ports import LedgerStore
from securefed.steps import meter_round, prepare_site
from securefed.steps.keep_ledger import SiteLedger
from securefed.steps.prepare_site import Acting, AllowanceAsked
from securefed.steps.review_request import Reviewing, review_request
from securefed.steps.sign_decision import sign_decision
from securefed.steps.submit_request import file_request, write_request

_ROOT = Path(__file__).parents[2]
_SITE, _DATASET = SiteId("hospital-a"), DatasetId("admissions")
_OWNER, _REVIEWER, _SCIENTIST = AccountId("olivia"), AccountId("ravi"), AccountId("dana")
KINDS_OF_JOB = 50


def signer_of(name: str) -> Ed25519Signer:
    """The key of this name, the same in every run: for made-up sites only."""
    return Ed25519Signer(sha256(f"benchmark key {name}".encode()).digest())


def noise_of(job: int) -> Decimal:
    """The noise multiplier of a job; every fiftieth job has the same."""
    return 2 + Decimal(job % KINDS_OF_JOB) / 20


def opened(
    store: LedgerStore, check: Verify = verify, clock: MemoryClock | None = None
) -> SiteLedger:
    """The busy site's ledger on a store."""
    return SiteLedger(_SITE, store, signer_of(_SITE), check, clock or MemoryClock())


class FlatAccountant(MemoryAccountant):
    """Finds nothing lost, whatever is asked: ε in the plans is not what is measured."""

    def loss(self, mechanisms: tuple[Mechanism, ...], delta: Decimal) -> PrivacyLoss:
        """The loss of no work."""
        return super().loss(mechanisms[:0], delta)


class BusySite:
    """A site with people, a policy, data and a very large allowance."""

    def __init__(self) -> None:
        self.store = ListLedger()
        self.clock = MemoryClock()
        self.ledger = opened(self.store, _trusting, self.clock)
        self._reviewing = Reviewing(accountant=FlatAccountant(), probe=MemoryMachine())
        self._entropy = MemoryEntropy()
        self._study = load_study(_ROOT / "sites" / "study.toml")
        self._signers = {name: signer_of(name) for name in (_OWNER, _REVIEWER, _SCIENTIST)}
        self._jobs = 0
        self._prepare()

    def run_jobs(self, jobs: int, *, rounds: int, blocks: int) -> None:
        """Jobs from filing to completion, each round authorised in so many blocks of steps."""
        for _ in range(jobs):
            request = self.file(self.ledger, rounds)
            self.ledger.record(self.approval(request, self.ledger))
            for number in range(1, rounds + 1):
                self._run(RoundId(request=request.request, round=number, attempt=1), blocks)
            self.ledger.record(RequestClosed(request=request.request, state=RequestState.COMPLETED))

    def file(self, ledger: SiteLedger, rounds: int) -> CodeRequest:
        """Files one more job."""
        self.clock.time += timedelta(seconds=1)
        study, now = self._next_study(rounds), self.clock.now()
        signed = write_request(study, _SITE, _SCIENTIST, self._signers[_SCIENTIST], now)
        file_request(ledger, signed)
        return signed.request

    def approval(self, request: CodeRequest, ledger: SiteLedger) -> Decided:
        """The reviewer's signed yes to the plan of a filed request, not recorded yet."""
        now = ledger.now()
        plan = review_request(ledger.register(), request, now, self._reviewing)
        decision = Approval(
            site=_SITE,
            by=_REVIEWER,
            at=now,
            reason=Line("As planned"),
            request=request.request,
            plan_digest=plan.digest,
            plan=plan,
        )
        return Decided(decided=sign_decision(decision, self._signers[_REVIEWER]))

    def _run(self, id: RoundId, blocks: int) -> None:
        token = meter_round.reserve_round(self.ledger, id, self._entropy)
        for block in range(1, blocks + 1):
            meter_round.authorise_steps(self.ledger, token, STEPS * block // blocks)
        meter_round.commit_round(self.ledger, token, STEPS, ())

    def _next_study(self, rounds: int) -> Study:
        part = self._study.participant(_SITE)
        training = replace(part.training, steps=STEPS, noise_multiplier=noise_of(self._jobs))
        others = [one for one in self._study.participants if one.site != _SITE]
        parts: tuple[Participant, ...] = (replace(part, training=training), *others)
        self._jobs += 1
        return replace(self._study, rounds=rounds, participants=parts)

    def _prepare(self) -> None:
        key, owner = signer_of(_SITE).key, self._account(_OWNER, Role.OWNER)
        site = Site(site=_SITE, title=Line("A busy hospital"), key=key)
        prepare_site.found_site(self.ledger, site, owner)
        by = Acting(account=_OWNER, signer=self._signers[_OWNER], reason=Line("As agreed"))
        for name, role in ((_REVIEWER, Role.REVIEWER), (_SCIENTIST, Role.SCIENTIST)):
            prepare_site.admit_account(self.ledger, self._account(name, role), by)
        policy = load_policy(_ROOT / "policies" / "baseline.toml")
        prepare_site.adopt_policy(self.ledger, policy, by)
        prepare_site.register_data(self.ledger, _card(), by)
        asked = AllowanceAsked(dataset=_DATASET, epsilon=Decimal(10**6), delta=Decimal("1e-6"))
        prepare_site.grant_allowance(self.ledger, asked, by)

    def _account(self, name: AccountId, role: Role) -> Account:
        return Account(account=name, key=self._signers[name].key, roles=(role,))


def _trusting(*_: object) -> bool:
    """Accepts what this file has just signed: building is not what is measured."""
    return True


def _card() -> DataCard:
    columns = (
        Column(name=Line("patient"), type=ColumnType.IDENTIFIER, meaning=Line("Pseudonym")),
        Column(name=Line("age"), type=ColumnType.INTEGER, meaning=Line("Age in years")),
    )
    return DataCard(
        dataset=_DATASET,
        version=1,
        title=Line("Admissions"),
        origin=Line("Made up"),
        licence=Line("CC0-1.0"),
        purposes=(Name("readmission-research"),),
        unit=PrivacyUnit(column="patient", bound=1),
        adjacency=Adjacency.ADD_REMOVE,
        records=20_000,
        units=10_000,
        columns=columns,
        data=Digest("sha256:" + "1" * 64),
        mock=Digest("sha256:" + "2" * 64),
    )
