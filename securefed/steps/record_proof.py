"""Recording at a site how the coordinator's self-test ended, before the site seals.

A failed self-test is recorded, too, and then stops the attempt: the ledger shows why nothing was
sealed. Promises that what is recorded is for the seal that the site made for itself.
"""

from securefed.domain.event import ProtectionTested
from securefed.domain.protection import SignedProof
from securefed.domain.round import RoundId
from securefed.domain.update import Seal
from securefed.errors import ProtectionUnproven
from securefed.steps.keep_ledger import SiteLedger


def record_proof(ledger: SiteLedger, id: RoundId, seal: Seal, tested: SignedProof) -> None:
    """Records a proof for an attempt that is open, and refuses to go on if it failed."""
    if tested.proof.seal != seal.digest:
        raise ProtectionUnproven("The self-test was made for another round", where=str(id))
    ledger.record(ProtectionTested(id=id, tested=tested))
    tested.proof.expect_passed(seal)
