"""An in-memory federation for tests, scripted by plain attribute edits.

Build a `World`, change what the story needs (`world.noise = Decimal("0.4")`, `world.rules = ()`),
then `world.site()` gives a founded site with people, a policy, data and an allowance, and
`world.file(site)` a filed request. Everything below the ports is the in-memory twin; everything
above is the product.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from securefed.adapters.memory import (
    MemoryAccountant,
    MemoryClock,
    MemoryEntropy,
    MemoryKeys,
    MemoryLedger,
    MemoryMachine,
    MemoryShelf,
)
from securefed.domain import rules as every
from securefed.domain.canonical import digest_of
from securefed.domain.combining import Combining, plain_combining
from securefed.domain.identifiers import (
    AccountId,
    DatasetId,
    Digest,
    Line,
    Name,
    RequestId,
    SiteId,
    StudyId,
    Version,
)
from securefed.domain.policy import Policy
from securefed.domain.privacy import Adjacency, DpSgd, GaussianRelease, PrivacyUnit, Sampling
from securefed.domain.request import SignedRequest
from securefed.domain.rules import AnyRule
from securefed.domain.site import Account, Column, ColumnType, DataCard, Role, Sandbox, Site
from securefed.domain.study import (
    Model,
    Parameter,
    Participant,
    Recipe,
    ReleaseKind,
    Sealing,
    Study,
    Suite,
)
from securefed.domain.weighting import EqualWeights, Weighting
from securefed.parties.site import SiteParty
from securefed.ports import LedgerStore, Signer
from securefed.steps import prepare_site
from securefed.steps.keep_ledger import SiteLedger
from securefed.steps.prepare_site import Acting, AllowanceAsked
from securefed.steps.submit_request import write_request

OWNER, REVIEWER, SECOND_REVIEWER = AccountId("olivia"), AccountId("ravi"), AccountId("rosa")
SCIENTIST, OTHER_SCIENTIST = AccountId("dana"), AccountId("dimitri")
ADMISSIONS = DatasetId("admissions")
START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def digest(of: str) -> Digest:
    """A digest that stands for some bytes."""
    return digest_of("test", of.encode())


def lenient_rules() -> tuple[AnyRule, ...]:
    """Every rule, content with the world as it is built."""
    return (
        every.EpsilonPerRequest(refuse_above=Decimal(8), ask_above=Decimal(8)),
        every.EpsilonPerDataset(refuse_above=Decimal(20)),
        every.EpsilonPerRequester(refuse_above=Decimal(20)),
        every.DeltaBelowUnits(share=Decimal("0.1")),
        every.MinimumNoise(noise_multiplier=Decimal("0.5")),
        every.PoissonSampling(),
        every.MinimumRecords(units=100),
        every.UnitProtected(column_required=True),
        every.Purpose(),
        every.MinimumSites(sites=2),
        every.RecipeAllowed(recipes=(Name("tabular"),)),
        every.OwnCode(allowed=True, reviewers=2),
        every.ModelSize(parameters=1_000_000),
        every.ReleaseTypes(
            allowed=(
                ReleaseKind.SEALED_UPDATE,
                ReleaseKind.NOISY_METRICS,
                ReleaseKind.SUMMED_METRICS,
                ReleaseKind.PROGRESS,
                ReleaseKind.ERROR_CODE,
            )
        ),
        every.RoundCount(attempts=100),
        every.RequestLifetime(days=30),
        every.SealingRequired(suites=(Suite.BFV_MASK, Suite.BFV)),
        every.SandboxRequired(sandboxes=(Sandbox.BUBBLEWRAP,)),
        every.TwoReviewers(above_epsilon=Decimal(8), reviewers=2),
    )


@dataclass
class World:
    """What the next site, study and request are made of."""

    sites: tuple[str, ...] = ("hospital-a", "hospital-b", "hospital-c")
    rules: tuple[AnyRule, ...] = field(default_factory=lenient_rules)
    epsilon: Decimal = Decimal(3)
    delta: Decimal = Decimal("1e-6")
    records: int = 20_000
    units: int = 10_000
    study: str = "readmission"
    title: str = "Readmission within thirty days"
    purpose: str = "readmission-research"
    noise: Decimal = Decimal("1.1")
    rate: Decimal = Decimal("0.01")
    sampling: Sampling = Sampling.POISSON
    steps: int = 16
    rounds: int = 5
    spare: int = 0
    valid_days: int = 7
    suite: Suite = Suite.BFV_MASK
    weighting: Weighting = field(default_factory=EqualWeights)
    own_code: Digest | None = None
    family: str = "logistic"
    parameters: int = 10_402
    minimum_sites: int = 2
    metrics_noise: Decimal | None = None
    tally: int = 0
    sandbox: Sandbox = Sandbox.BUBBLEWRAP
    combining: Combining = field(default_factory=plain_combining)

    def __post_init__(self) -> None:
        self.keys = MemoryKeys()
        self.clock = MemoryClock(START)
        self.entropy = MemoryEntropy()
        self.machine = MemoryMachine()
        self.accountant = MemoryAccountant()
        self.people: dict[AccountId, Signer] = {}
        self.stores: dict[str, MemoryLedger] = {}

    def signer(self, account: AccountId) -> Signer:
        """A person's key, the same at every site."""
        if account not in self.people:
            self.people[account] = self.keys.signer(account)
        return self.people[account]

    def acting(self, account: AccountId = OWNER, reason: str = "As agreed") -> Acting:
        """A person about to decide."""
        return Acting(account=account, signer=self.signer(account), reason=Line(reason))

    def reopened(self, name: str = "hospital-a", store: LedgerStore | None = None) -> SiteParty:
        """A site as a fresh process would open it, on the store that is there or on another."""
        self.machine.sandbox = self.sandbox
        signer = self.keys.signer(name)
        store = store or self.stores.setdefault(name, MemoryLedger())
        ledger = SiteLedger(SiteId(name), store, signer, self.keys.verify, self.clock)
        return SiteParty(
            ledger=ledger,
            accountant=self.accountant,
            kept_figures=self.accountant,
            probe=self.machine,
            shelf=MemoryShelf(),
        )

    def founded(self, name: str = "hospital-a") -> SiteParty:
        """A site with an owner and nothing else."""
        party = self.reopened(name)
        site = Site(site=SiteId(name), title=Line(f"The {name}"), key=self.keys.signer(name).key)
        party.found(site, self.account(OWNER, Role.OWNER))
        return party

    def site(self, name: str = "hospital-a") -> SiteParty:
        """A site that is ready for requests."""
        party, by = self.founded(name), self.acting()
        for account in (REVIEWER, SECOND_REVIEWER):
            prepare_site.admit_account(party.ledger, self.account(account, Role.REVIEWER), by)
        for account in (SCIENTIST, OTHER_SCIENTIST):
            prepare_site.admit_account(party.ledger, self.account(account, Role.SCIENTIST), by)
        prepare_site.adopt_policy(party.ledger, self.policy(), by)
        prepare_site.register_data(party.ledger, self.card(), by)
        self.grant(party)
        return party

    def account(self, account: AccountId, *roles: Role) -> Account:
        """An account with the person's key."""
        return Account(account=account, key=self.signer(account).key, roles=roles)

    def policy(self) -> Policy:
        """The policy of the rules set."""
        return Policy(name=Name("test"), rules=self.rules)

    def grant(self, party: SiteParty, valid_days: int | None = None) -> None:
        """Grants the allowance set."""
        asked = AllowanceAsked(
            dataset=ADMISSIONS, epsilon=self.epsilon, delta=self.delta, valid_days=valid_days
        )
        prepare_site.grant_allowance(party.ledger, asked, self.acting())

    def card(self, version: int = 1) -> DataCard:
        """The data card of the admissions."""
        return DataCard(
            dataset=ADMISSIONS,
            version=version,
            title=Line("Admissions, 2020 to 2025"),
            origin=Line("Extract of the hospital information system"),
            licence=Line("Internal use under the hospital's research agreement"),
            purposes=(Name("readmission-research"),),
            unit=PrivacyUnit(column="patient", bound=8),
            adjacency=Adjacency.ADD_REMOVE,
            records=self.records,
            units=self.units,
            columns=(
                Column(name=Line("patient"), type=ColumnType.IDENTIFIER, meaning=Line("Pseudonym")),
                Column(name=Line("age"), type=ColumnType.INTEGER, meaning=Line("Age in years")),
            ),
            data=digest(f"data {version}"),
            mock=digest("mock"),
        )

    def attempt(self, site: str) -> Participant:
        """One site's part of the study."""
        noise = self.metrics_noise
        return Participant(
            site=SiteId(site),
            dataset=ADMISSIONS,
            training=DpSgd(
                noise_multiplier=self.noise,
                sampling_rate=self.rate,
                sampling=self.sampling,
                steps=self.steps,
                clip=Decimal(1),
            ),
            metrics=None if noise is None else GaussianRelease(noise_multiplier=noise, releases=1),
        )

    def whole_study(self) -> Study:
        """The study as set."""
        return Study(
            study=StudyId(self.study),
            title=Line(self.title),
            purpose=Name(self.purpose),
            recipe=Recipe(
                name=Name("tabular"),
                version=Version("1.2.0"),
                parameters=(Parameter(name=Line("learning-rate"), value=Line("0.1")),),
                own_code=self.own_code,
            ),
            model=Model(family=Name(self.family), parameters=self.parameters),
            rounds=self.rounds,
            spare_attempts=self.spare,
            minimum_sites=self.minimum_sites,
            sealing=self.sealing(),
            combining=self.combining,
            valid_days=self.valid_days,
            participants=tuple(self.attempt(site) for site in self.sites),
        )

    def sealing(self) -> Sealing:
        """The suite set, with all the keys that it needs, by the names of who holds them."""
        wanted = {
            Suite.NONE: (),
            Suite.BFV: ("lattice",),
            Suite.MASK: ("mask",),
            Suite.BFV_MASK: ("lattice", "mask"),
        }[self.suite]
        return Sealing(
            suite=self.suite,
            update_bound=Decimal(1),
            reach=Decimal(1),
            bits=16,
            tally=self.tally,
            weighting=self.weighting,
            coordinator=self.keys.signer("coordinator").key if wanted else None,
            custodians=tuple(sorted(self.keys.signer(name).key for name in wanted)),
        )

    def request(self, site: str = "hospital-a", by: AccountId = SCIENTIST) -> SignedRequest:
        """A request to one site, signed."""
        return write_request(
            self.whole_study(), SiteId(site), by, self.signer(by), self.clock.now()
        )

    def file(self, party: SiteParty, by: AccountId = SCIENTIST) -> RequestId:
        """A request, filed."""
        return party.receive(self.request(party.ledger.site, by))

    def approved(self, party: SiteParty, by: AccountId = SCIENTIST) -> RequestId:
        """A request, filed and approved by its plan's digest."""
        request = self.file(party, by)
        plan = party.plan(request)
        for account in (REVIEWER, SECOND_REVIEWER)[: plan.reviewers]:
            party.approve(request, party.plan(request).digest, self.acting(account))
        return request

    def wait(self, **time: float) -> None:
        """Lets time pass."""
        self.clock.time += timedelta(**time)
