"""Who vouches for how much of a ledger: counted once, for the report and for the checks."""

import pytest

from securefed.adapters.ed25519_keys import verify
from securefed.adapters.memory import MemoryLedger
from securefed.adapters.odometer import Odometer
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.evidence import KnownKey, SignedPart, written_evidence
from securefed.domain.identifiers import Name, SiteId
from securefed.steps.gather_evidence import custodian_part, gather_evidence, site_part
from securefed.steps.keep_ledger import SiteLedger
from securefed.steps.verify_evidence import verify_evidence
from securefed.steps.vouch_checkpoint import cosign_checkpoint
from securefed.steps.write_report import file_digest, write_report
from tests.audit.evidence_world import OFFICER, STUDY, Study
from tests.report.sample import SITE, about, one_site, register

pytestmark = pytest.mark.slow
OTHER, LOG = "hospital-b", "mask"


@pytest.fixture(scope="module")
def study() -> Study:
    return Study(rounds=1, sites=(SITE, OTHER)).run()


def checkpoint_of(study: Study, entries: int) -> Checkpoint:
    """A checkpoint as the site signed it when its ledger was shorter."""
    whole, store = study.parties[SITE].ledger, MemoryLedger()
    store._entries = list(whole.stored())[:entries]
    signer = study.signer(SITE)
    return SiteLedger(whole.site, store, signer, verify, study.world.clock).checkpoint()


def told(study: Study, *notes: Checkpoint, known: tuple[KnownKey, ...] = ()) -> tuple[str, str]:
    """What the report says about witnesses, and what the check does."""
    ledger = study.parties[SITE].ledger
    parts: list[SignedPart] = [
        site_part(ledger, study.signer(SITE), notes, STUDY, Odometer()),
        study.part(OTHER),
        *(custodian_part(log, study.signer(name), [], STUDY) for name, log in study.logs.items()),
    ]
    by = (OFFICER, study.signer(OFFICER))
    evidence = gather_evidence(parts, STUDY, by, known, study.world.clock.now())
    data = written_evidence(evidence)
    examining, digest = study.examining(), file_digest(data)
    made = write_report(data, digest, SiteId(SITE), about(study), register(), examining)
    claims = [one for section in one_site(made).sections for one in section.statements()]
    [claim] = [one.words for one in claims if one.claim == "witnessed"]
    checks = {one.what: one.problem for one in verify_evidence(data, examining).checks}
    return claim, checks.get(f"{SITE}: vouched for by others", "")


def test_only_who_signed_for_the_newest_entries_is_their_witness(study: Study) -> None:
    now = study.parties[SITE].ledger.checkpoint()
    claim, problem = told(
        study,
        # Somebody who saw little, and the site itself under a name of its own making.
        cosign_checkpoint(checkpoint_of(study, 5), Name(LOG), study.signer(LOG)),
        cosign_checkpoint(now, Name(OTHER), study.signer(OTHER)),
        cosign_checkpoint(now, Name("notary"), study.signer(SITE)),
        known=(KnownKey(name=Name("notary"), key=study.signer(SITE).key),),
    )
    saw = f"Others have seen all {now.head.size} entries"
    assert claim == f"{saw} of this ledger: {OTHER}."
    assert problem == ""


def test_what_nobody_else_saw_is_counted_alike(study: Study) -> None:
    older = cosign_checkpoint(checkpoint_of(study, 5), Name(OTHER), study.signer(OTHER))
    claim, problem = told(study, older)
    saw = f"thers have seen the first 5 of {size_of(study)} entries"
    assert saw in claim
    assert saw in problem


def size_of(study: Study) -> int:
    return study.parties[SITE].ledger.checkpoint().head.size
