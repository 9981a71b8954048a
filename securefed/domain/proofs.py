"""Keeping the proof of a round's self-test in a site's ledger: once an attempt, while it is open.

A failed one is kept, too: it is why the attempt went no further. Promises that the proof is for
this round of this study, and signed by the coordinator that it names. Which coordinator a site
works with is settled elsewhere.
"""

from securefed.domain.event import ProtectionTested
from securefed.domain.register import Register
from securefed.errors import AlreadyExists, ConfigInvalid, NotInThisState


def keep_proof(register: Register, event: ProtectionTested) -> None:
    """Checks first, then keeps."""
    proof, id = event.tested.proof, event.id
    if not register.book_of(id).round(id).open:
        raise NotInThisState("The attempt is settled already", where=str(id))
    study = register.request(id.request).signed.request.study.study
    if (proof.study, proof.round) != (study, id.round):
        raise ConfigInvalid("The proof is for another round", where=str(id))
    if id in register.proofs:
        raise AlreadyExists("The attempt has a proof already", where=str(id))
    event.tested.check(register.verify)
    register.proofs[id] = proof
