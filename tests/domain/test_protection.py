"""A proof has every check once; a ledger keeps one an open attempt, signed, failed ones too."""

import dataclasses
from functools import partial

import pytest

from securefed.adapters.ed25519_keys import Ed25519Signer, verify
from securefed.domain.event import ProtectionTested
from securefed.domain.identifiers import Digest, Name, StudyId
from securefed.domain.protection import Check, CheckResult, Proof, SignedProof
from securefed.domain.round import RoundId
from securefed.errors import (
    AlreadyExists,
    ConfigInvalid,
    NotInThisState,
    ProtectionUnproven,
    SignatureInvalid,
    TransitionInvalid,
)
from securefed.ports import Signer
from securefed.steps.meter_round import refund_round, reserve_round
from securefed.steps.record_proof import record_proof
from tests.aggregation.round_of_sites import roster, seal
from tests.domain.stage import Stage

COORDINATOR = Ed25519Signer(b"c" * 32)
SEAL = seal(roster(2))


def proof(*failed: Check, **changes: object) -> Proof:
    fields = {
        "study": SEAL.study,
        "round": 1,
        "attempt": 1,
        "seal": SEAL.digest,
        "canary": Digest("sha256:" + "8" * 64),
        "coordinator": COORDINATOR.key,
        "results": tuple(CheckResult(check=one, passed=one not in failed) for one in Check),
    }
    return Proof(**{**fields, **changes})


def signed(made: Proof, by: Signer = COORDINATOR) -> SignedProof:
    made = dataclasses.replace(made, coordinator=by.key)
    return SignedProof(proof=made, signature=by.sign(made.signed))


def test_a_proof_that_lacks_a_check_or_has_one_twice_is_none() -> None:
    results = proof().results
    for wrong in (results[1:], (*results, results[0]), results[::-1], ()):
        with pytest.raises(ConfigInvalid, match="every check once"):
            proof(results=wrong)


@pytest.mark.parametrize("failed", list(Check))
def test_each_failed_check_stops_everything_by_name(failed: Check) -> None:
    proof().expect_passed(SEAL)
    with pytest.raises(ProtectionUnproven, match=failed):
        proof(failed).expect_passed(SEAL)


def test_a_proof_is_signed_by_the_coordinator_that_it_names() -> None:
    signed(proof()).check(verify)
    with pytest.raises(SignatureInvalid):
        dataclasses.replace(signed(proof()), proof=proof(Check.CANARY_OPENS)).check(verify)


# --- in a site's ledger ---------------------------------------------------------------------------


def coordinator(stage: Stage) -> Signer:
    return stage.world.keys.signer("coordinator")


def begun() -> tuple[Stage, RoundId, SignedProof]:
    """A site with an open attempt, and a proof for it."""
    stage = Stage()
    id = RoundId(request=stage.world.approved(stage.site), round=1, attempt=1)
    reserve_round(stage.site.ledger, id, stage.world.entropy)
    study = stage.site.register().request(id.request).signed.request.study.study
    return stage, id, signed(proof(study=study), coordinator(stage))


def test_a_ledger_keeps_one_proof_an_attempt_and_replays_it() -> None:
    stage, id, tested = begun()
    record_proof(stage.site.ledger, id, SEAL, tested)
    assert stage.world.reopened().register().proofs == {id: tested.proof}
    again = ProtectionTested(id=id, tested=tested)
    stage.refuse(AlreadyExists, "has a proof", lambda: stage.record(again))


def test_a_failed_proof_is_kept_and_stops_the_attempt() -> None:
    stage, id, tested = begun()
    failed = signed(proof(Check.CANARY_OPENS, study=tested.proof.study), coordinator(stage))
    with pytest.raises(ProtectionUnproven, match="canary-opens"):
        record_proof(stage.site.ledger, id, SEAL, failed)
    assert stage.world.reopened().register().proofs[id].failed == (Check.CANARY_OPENS,)


def test_no_plan_goes_stale_by_a_proof() -> None:
    stage, id, tested = begun()
    basis = stage.site.register().basis(id.request)
    record_proof(stage.site.ledger, id, SEAL, tested)
    assert stage.site.register().basis(id.request) == basis


def test_a_proof_that_does_not_fit_leaves_the_ledger_as_it_was() -> None:
    stage, id, tested = begun()
    other = dataclasses.replace(SEAL, round=2)
    stage.refuse(
        ProtectionUnproven,
        "another round",
        lambda: record_proof(stage.site.ledger, id, other, tested),
    )
    for changes in ({"study": StudyId("another")}, {"round": 2}):
        wrong = signed(dataclasses.replace(tested.proof, **changes), coordinator(stage))
        event = ProtectionTested(id=id, tested=wrong)
        stage.refuse(ConfigInvalid, "another round", partial(stage.record, event))
    forged = dataclasses.replace(tested, signature=signed(proof(Check.NO_SECRET_KEY)).signature)
    event = ProtectionTested(id=id, tested=forged)
    stage.refuse(SignatureInvalid, "not signed", lambda: stage.record(event))


def test_only_an_open_attempt_is_proved() -> None:
    stage, id, tested = begun()
    unknown = ProtectionTested(id=dataclasses.replace(id, attempt=2), tested=tested)
    stage.refuse(TransitionInvalid, "attempt 2", lambda: stage.record(unknown))
    refund_round(stage.site.ledger, id, Name("departed"))
    event = ProtectionTested(id=id, tested=tested)
    stage.refuse(NotInThisState, "settled", lambda: stage.record(event))
