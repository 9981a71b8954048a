"""The sample report of `audits/sample`: a study at three sites with its custodians, and another.

Everything in it is a function of the code: the clock stands still, keys are made from names, and
the figures come from the accountants that reports use. The evidence verifies.
"""

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import cast

from securefed.adapters.memory import MemoryAccountant, MemoryKeys
from securefed.adapters.odometer import Odometer
from securefed.adapters.opacus_training.prv import OpacusPrv
from securefed.adapters.report_files import report_page
from securefed.adapters.report_files.drawing import drawn
from securefed.config.audit import load_claims
from securefed.config.deployment import deployment_schema
from securefed.domain.claims import ClaimRegister
from securefed.domain.custody import RoundOpened, Turn
from securefed.domain.evidence import SignedEvidence, written_evidence
from securefed.domain.identifiers import Line, Name, Sentence, SiteId
from securefed.domain.protection import SignedProof
from securefed.domain.report.model import AuditReport, Chart
from securefed.domain.report.subject import Asked
from securefed.domain.round import RoundId
from securefed.domain.standards import Attestation
from securefed.steps.meter_round import abort_round, authorise_steps, reserve_round
from securefed.steps.write_report import Written, file_digest, write_report
from securefed.wiring.report import deployment_files, standards
from tests.audit.evidence_world import STUDY, Study
from tests.ledger.real_world import SeededKeys
from tests.world import World

ROOT = Path(__file__).parents[2]
FOLDER = Path("audits/sample")
SCHEMA = Path("audits/standards/deployment.schema.json")
FIGURE = Path("docs/privacy-officer.svg")
SITE = SiteId("hospital-a")
BROKEN = 3


class SampleStudy(Study):
    """Five rounds over some days, the third at its second attempt."""

    def __post_init__(self) -> None:
        self.world = World(
            rounds=self.rounds,
            spare=1,
            steps=60,
            noise=Decimal("1.2"),
            rate=Decimal("0.02"),
            metrics_noise=Decimal(16),
        )
        self.world.keys = cast(MemoryKeys, SeededKeys())
        self.world.accountant = cast(MemoryAccountant, Odometer())
        for name in self.sites:
            self.parties[name] = self.world.site(name)
            self.requests[name] = self.world.approved(self.parties[name])

    def play(self, name: str, number: int) -> None:
        """A round, some hours after the one before."""
        self.world.wait(hours=5)
        if number == BROKEN:
            self._break(name, number)
        super().play(name, number)

    def round(self, name: str, number: int) -> RoundId:
        """The attempt that ends well."""
        return replace(super().round(name, number), attempt=_attempt(number))

    def proof(self, number: int) -> SignedProof:
        """The self-test of that attempt."""
        proof = replace(super().proof(number).proof, attempt=_attempt(number))
        signature = self.signer("coordinator").sign(proof.signed)
        return SignedProof(proof=proof, signature=signature)

    def opened(self, number: int, **changes: object) -> RoundOpened:
        """The opening of that attempt."""
        turn = Turn(study=STUDY, round=number, attempt=_attempt(number))
        return super().opened(number, **{"turn": turn, **changes})

    def _break(self, name: str, number: int) -> None:
        """An attempt that ends before its last step."""
        ledger, id = self.parties[name].ledger, super().round(name, number)
        token = reserve_round(ledger, id, self.world.entropy)
        authorise_steps(ledger, token, self.world.steps // 2)
        abort_round(ledger, id, Name("out-of-memory"))


@cache
def register() -> ClaimRegister:
    """The claims."""
    return load_claims(ROOT / "audits" / "claims.toml")


def about(study: Study, **changes: object) -> Asked:
    """A report on everything, made some hours after the study."""
    at = study.world.clock.now() + timedelta(hours=6)
    return replace(Asked(at=at, version="0.1.0", standards=standards()), **changes)


def written_of(
    study: Study, evidence: SignedEvidence | None = None, **changes: object
) -> tuple[bytes, Written]:
    """Evidence of a study, and the report on it."""
    data = written_evidence(evidence or study.gathered())
    digest, asked = file_digest(data), about(study, **changes)
    made = write_report(data, digest, SITE, asked, register(), study.examining(OpacusPrv()))
    return data, made


def one_site(made: Written) -> AuditReport:
    """The report, which is about one site."""
    assert isinstance(made.report, AuditReport)
    return made.report


@cache
def sample() -> tuple[bytes, Written]:
    """The sample."""
    study = SampleStudy(rounds=5)
    study.run()
    world = study.world
    world.study, world.title, world.rounds = "length-of-stay", "Length of stay, in days", 2
    world.wait(hours=3)
    world.approved(study.parties[SITE])
    return written_of(study, attestations={one.question: one for one in attested()})


def attested() -> list[Attestation]:
    """An owner's answers."""
    return [
        Attestation(
            question=Name("gdpr-30-transfers"),
            answer=Sentence("All sites and custodians are in one country."),
            by=Line("olivia, owner of the site"),
            on=date(2026, 11, 20),
        ),
        Attestation(
            question=Name("nist-access"),
            answer=Sentence("Two administrators have accounts there; the disk is encrypted."),
            by=Line("olivia, owner of the site"),
            on=date(2026, 11, 20),
        ),
    ]


@cache
def golden_files() -> dict[Path, str]:
    """The sample's files, and the schema of registry records."""
    data, made = sample()
    files = {"evidence.json": data, **deployment_files(made.deployments)}
    texts = {FOLDER / name: content.decode("utf-8") for name, content in files.items()}
    texts[FOLDER / "report.html"] = report_page(made.report)
    texts[FIGURE] = _figure(made)
    schema = json.dumps(deployment_schema(), indent=2, ensure_ascii=False)
    return {**texts, SCHEMA: schema + "\n"}


def _figure(made: Written) -> str:
    """The budget's chart as a file of its own, for the page about reading reports."""
    [chart] = [one for one in one_site(made).sections[5].blocks if isinstance(one, Chart)]
    return drawn(chart).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def _attempt(number: int) -> int:
    return 2 if number == BROKEN else 1
