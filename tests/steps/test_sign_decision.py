"""A decision is signed as a decision, over its canonical bytes, and then recorded."""

from securefed.domain.canonical import prefixed
from securefed.domain.decision import DECISION_KIND, Denial
from securefed.domain.event import Decided
from securefed.domain.identifiers import Line, SiteId
from securefed.domain.records import to_bytes
from securefed.steps.sign_decision import record_decision, sign_decision
from tests.world import REVIEWER, World


def test_a_signature_is_over_the_decision_as_a_decision() -> None:
    world = World()
    site = world.site()
    denial = Denial(
        site=SiteId("hospital-a"),
        by=REVIEWER,
        at=site.ledger.now(),
        reason=Line("Too little noise"),
        request=world.file(site),
    )
    signer = world.signer(REVIEWER)
    signed = sign_decision(denial, signer)
    verify = world.keys.verify
    assert verify(signer.key, prefixed(DECISION_KIND, to_bytes(denial)), signed.signature)
    assert not verify(signer.key, prefixed("code-request", to_bytes(denial)), signed.signature)
    entry = record_decision(site.ledger, denial, signer)
    assert entry.event == Decided(decided=signed)
