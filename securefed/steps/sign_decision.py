"""A person's decision, signed with their key and put into the site's ledger."""

from securefed.domain.canonical import prefixed
from securefed.domain.decision import DECISION_KIND, Decision, SignedDecision
from securefed.domain.event import Decided, LedgerEntry
from securefed.domain.records import to_bytes
from securefed.ports import Signer
from securefed.steps.keep_ledger import SiteLedger


def sign_decision(decision: Decision, signer: Signer) -> SignedDecision:
    """The decision with its author's signature."""
    signature = signer.sign(prefixed(DECISION_KIND, to_bytes(decision)))
    return SignedDecision(decision=decision, signature=signature)


def record_decision(ledger: SiteLedger, decision: Decision, signer: Signer) -> LedgerEntry:
    """Puts a decision into force, if its author may make it and it fits what is there."""
    decided = Decided(decided=sign_decision(decision, signer))
    return ledger.record(decided)
