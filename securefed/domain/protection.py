"""The proof that a round's protection ran: which checks its self-test made, and how they ended.

The coordinator makes one before any site seals, and every site's ledger keeps it. It holds names
and digests only. Promises that a proof that lacks a check, or has a failed one, lets nobody seal;
that the checks were really made is the coordinator's word, which it signs.
"""

from dataclasses import dataclass
from enum import StrEnum

from securefed.domain.canonical import prefixed
from securefed.domain.identifiers import Digest, PublicKey, Signature, StudyId
from securefed.domain.ledger import Verify
from securefed.domain.numbers import count
from securefed.domain.records import to_bytes
from securefed.domain.update import Seal
from securefed.errors import ConfigInvalid, ProtectionUnproven, SignatureInvalid

PROOF_KIND = "protection-proof"


class Check(StrEnum):
    """What a round's self-test looks at."""

    CANARY_OPENS = "canary-opens"
    NO_SECRET_KEY = "no-secret-key"
    PLAINTEXT_REFUSED = "plaintext-refused"
    TRUNCATED_REFUSED = "truncated-refused"
    FOREIGN_REFUSED = "foreign-refused"


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """One check and whether it passed."""

    check: Check
    passed: bool


@dataclass(frozen=True, kw_only=True)
class Proof:
    """The result of one attempt's self-test."""

    study: StudyId
    round: int
    attempt: int
    seal: Digest
    canary: Digest
    coordinator: PublicKey
    results: tuple[CheckResult, ...]

    def __post_init__(self) -> None:
        count("round", self.round)
        count("attempt", self.attempt)
        if [one.check for one in self.results] != list(Check):
            raise ConfigInvalid("A proof has every check once, in order")

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(one.check for one in self.results if not one.passed)

    @property
    def signed(self) -> bytes:
        """What the coordinator signs."""
        return prefixed(PROOF_KIND, to_bytes(self))

    def expect_passed(self, seal: Seal) -> None:
        """Refuses a proof that is for another seal, or that failed."""
        if self.seal != seal.digest:
            raise ProtectionUnproven("The self-test was made for another round")
        if self.failed:
            raise ProtectionUnproven(f"The self-test failed at {', '.join(self.failed)}")


@dataclass(frozen=True, kw_only=True)
class SignedProof:
    """A proof and the coordinator's signature."""

    proof: Proof
    signature: Signature

    def check(self, verify: Verify) -> None:
        """Refuses a proof that the coordinator it names did not sign."""
        if not verify(self.proof.coordinator, self.proof.signed, self.signature):
            raise SignatureInvalid("The proof is not signed by its coordinator")
