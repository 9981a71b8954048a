"""Evidence of a ledger in which much happened: both verifiers are content with what is true."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from securefed.adapters.odometer import Odometer
from securefed.adapters.opacus_training.prv import OpacusPrv
from securefed.domain.decision import DataErasure
from securefed.domain.evidence import SignedPart, read_evidence, written_evidence
from securefed.domain.identifiers import Name, RequestId
from securefed.domain.round import RoundId
from securefed.errors import EvidenceInvalid
from securefed.steps import prepare_site
from securefed.steps.gather_evidence import gather_evidence, site_part
from securefed.steps.meter_round import (
    abort_round,
    authorise_steps,
    commit_round,
    refund_round,
    reserve_round,
)
from securefed.steps.verify_evidence import verify_evidence
from tests.audit.evidence_world import OFFICER, STUDY, Study
from tests.audit.forging import alone, both, ours
from tests.world import ADMISSIONS, OTHER_SCIENTIST, REVIEWER, SCIENTIST, digest

pytestmark = pytest.mark.slow

SITE = "hospital-a"


def whole_site(study: Study) -> bytes:
    """Evidence of one site, about all that happened there."""
    ledger = study.parties[SITE].ledger
    part = site_part(ledger, study.signer(SITE), [], None, Odometer())
    by = (Name(SITE), study.signer(SITE))
    return written_evidence(gather_evidence([part], None, by, (), ledger.now()))


def content(study: Study) -> None:
    assert both(study, whole_site(study)) == ("", "")


def spent(study: Study, request: RequestId, number: int, steps: int) -> None:
    """An attempt in which something ran, and failed."""
    ledger = study.parties[SITE].ledger
    id = RoundId(request=request, round=number, attempt=1)
    authorise_steps(ledger, reserve_round(ledger, id, study.world.entropy), steps)
    abort_round(ledger, id, Name("out-of-memory"))


def test_failed_and_unused_attempts() -> None:
    study = Study(rounds=2, sites=(SITE, "hospital-b"), spare=2)
    spent(study, study.requests[SITE], 1, 7)
    ledger, world = study.parties[SITE].ledger, study.world
    id = RoundId(request=study.requests[SITE], round=1, attempt=2)
    reserve_round(ledger, id, world.entropy)
    refund_round(ledger, id, Name("site-restarted"))
    content(study)


def test_a_revoked_request_and_another_requesters() -> None:
    study = Study(rounds=2, sites=(SITE, "hospital-b"))
    site, world = study.parties[SITE], study.world
    spent(study, study.requests[SITE], 1, 5)
    site.revoke(study.requests[SITE], world.acting(REVIEWER))
    world.study, world.metrics_noise, world.noise = "another", Decimal(9), Decimal("1.4")
    spent(study, world.approved(site, OTHER_SCIENTIST), 1, 3)
    world.study = "third"
    world.approved(site, SCIENTIST)
    content(study)


def test_denied_paused_and_erased() -> None:
    study = Study(rounds=2, sites=(SITE, "hospital-b"))
    site, world = study.parties[SITE], study.world
    world.study = "another"
    site.deny(world.file(site, OTHER_SCIENTIST), world.acting(REVIEWER))
    world.study = "third"
    world.file(site)
    prepare_site.erase_data(site.ledger, ADMISSIONS, world.acting())
    assert DataErasure.kind in whole_site(study).decode()
    content(study)


def test_two_reviewers() -> None:
    study = Study(rounds=2, sites=(SITE, "hospital-b"))
    site, world = study.parties[SITE], study.world
    world.study, world.own_code = "another", digest("own code")
    spent(study, world.approved(site), 1, 2)
    content(study)


def test_a_completed_study_with_a_second_accountant() -> None:
    study = Study(rounds=2).run()
    study.world.wait(minutes=5)
    for party in study.parties.values():
        party.register()
    data = written_evidence(study.gathered())
    examined = verify_evidence(data, study.examining(OpacusPrv()))
    assert examined.failed is None
    assert any("opacus" in one.what and not one.problem for one in examined.checks)
    assert alone(data) == ""


def test_what_is_not_brought_or_not_vouched_for_is_said() -> None:
    study = Study(rounds=1).run()
    told = {
        one.what: one.problem
        for one in verify_evidence(whole_site(study), study.examining()).checks
    }
    assert "the document's own word" in told["keys: known from elsewhere"]
    assert told[f"{SITE}: vouched for by others"].startswith("others have seen none of ")
    assert "2 custodians" in told[f"{STUDY}: custodians"]
    keys = {name: study.signer(name).key for name in (*study.sites, *study.logs, OFFICER)}
    examined = verify_evidence(written_evidence(study.gathered()), study.examining(known=keys))
    silent = [one.what for one in examined.checks if one.problem]
    assert all("by nobody" in what for what in silent)


def test_a_checkpoint_of_somebody_without_a_part_is_said() -> None:
    study = Study(rounds=1).run()
    held = (study.note("hospital-b"),)
    checks = verify_evidence(whole_site(study), study.examining(held=held)).checks
    assert "brought of hospital-b" in checks[-3].problem + checks[-2].problem + checks[-1].problem
    assert all(one.exit_code == 0 for one in checks)


class Halved(OpacusPrv):
    """A second accountant that disagrees."""

    name = "halved"

    def epsilon(self, mechanisms: tuple, delta: Decimal) -> Decimal | None:
        found = super().epsilon(mechanisms, delta)
        return None if found is None else found / 2


def test_a_second_accountant_that_disagrees_is_a_failure() -> None:
    study = Study(rounds=1).run()
    told = ours(study, written_evidence(study.gathered()), second=Halved())
    assert "every ε, by halved" in told


@pytest.mark.parametrize(
    "parts", [lambda study: [], lambda study: [study.part(SITE), study.part(SITE)]]
)
def test_what_cannot_be_gathered(parts: Callable[[Study], list[SignedPart]]) -> None:
    study = Study(rounds=1, sites=(SITE, "hospital-b"))
    by = (OFFICER, study.signer(OFFICER))
    with pytest.raises(EvidenceInvalid, match="one of each party"):
        gather_evidence(parts(study), STUDY, by, (), study.world.clock.now())


def test_a_document_reads_as_it_was_written() -> None:
    study = Study(rounds=1).run()
    signed = study.gathered()
    assert read_evidence(written_evidence(signed)) == signed
    assert signed.evidence.study == STUDY


def test_no_commit_is_without_its_self_test() -> None:
    study = Study(rounds=1)
    ledger = study.parties[SITE].ledger
    token = reserve_round(ledger, study.round(SITE, 1), study.world.entropy)
    authorise_steps(ledger, token, 16)
    commit_round(ledger, token, 16, (digest("update"),))
    first, second = both(study, whole_site(study))
    assert "committed without a self-test" in first
    assert "self-test" in second
