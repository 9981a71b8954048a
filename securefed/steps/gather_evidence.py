"""Gathering evidence: each party writes and signs its own part, and somebody signs the whole.

A site states what ran at it and what that costs, with its whole ledger beside it; a custodian shows
its log. Promises that a part holds only what replays at its party at that moment, with checkpoints
that it contains. Whoever joins parts adds nothing but names and keys of co-signers.
"""

from collections.abc import Iterable
from datetime import datetime

from securefed.domain.checkpoint import Checkpoint
from securefed.domain.evidence import (
    Evidence,
    KnownKey,
    Part,
    Party,
    SignedEvidence,
    SignedPart,
    entry_lines,
)
from securefed.domain.evidence_figures import figures_of
from securefed.domain.identifiers import Name, StudyId
from securefed.errors import EvidenceInvalid
from securefed.ports import Accountant, Signer
from securefed.steps.keep_custody import CustodyLog
from securefed.steps.keep_ledger import SiteLedger


def site_part(
    ledger: SiteLedger,
    signer: Signer,
    cosigned: Iterable[Checkpoint],
    study: StudyId | None,
    accountant: Accountant,
    seen: Iterable[Checkpoint] = (),
) -> SignedPart:
    """A site's ledger, its checkpoints with those of others that it `seen` and signed, figures."""
    notes = [ledger.checkpoint(), *cosigned]
    for one in notes:
        ledger.check_contains(one)
    notes += seen
    with ledger.held() as register:
        part = Part(
            format_version=1,
            study=study,
            party=Party.SITE,
            name=Name(ledger.site),
            key=signer.key,
            entries=entry_lines(ledger.stored()),
            notes=tuple(one.note() for one in notes),
            figures=figures_of(register, study, accountant.loss),
        )
    return _signed(part, signer)


def custodian_part(
    log: CustodyLog,
    signer: Signer,
    cosigned: Iterable[Checkpoint],
    study: StudyId | None,
    seen: Iterable[Checkpoint] = (),
) -> SignedPart:
    """A custodian's log, its checkpoints with those of others that it `seen` and signed."""
    notes = [log.checkpoint(), *cosigned, *seen]
    part = Part(
        format_version=1,
        study=study,
        party=Party.CUSTODIAN,
        name=log.custodian,
        key=signer.key,
        entries=entry_lines(log.stored()),
        notes=tuple(one.note() for one in notes),
        figures=(),
    )
    return _signed(part, signer)


def gather_evidence(
    parts: Iterable[SignedPart],
    study: StudyId | None,
    by: tuple[Name, Signer],
    witnesses: Iterable[KnownKey],
    at: datetime,
) -> SignedEvidence:
    """The document. Two parts of one party are refused."""
    several = list(parts)
    gathered = {(one.part.party, one.part.name): one for one in several}
    if len(gathered) != len(several) or not several:
        raise EvidenceInvalid("Evidence holds at least one part, and one of each party")
    name, signer = by
    evidence = Evidence(
        format_version=1,
        study=study,
        at=at,
        by=KnownKey(name=name, key=signer.key),
        witnesses=tuple(sorted(witnesses, key=lambda one: one.name)),
        parts=tuple(gathered[place] for place in sorted(gathered)),
    )
    return SignedEvidence(evidence=evidence, signature=signer.sign(evidence.signed))


def _signed(part: Part, signer: Signer) -> SignedPart:
    return SignedPart(part=part, signature=signer.sign(part.signed))
