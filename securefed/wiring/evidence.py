"""Puts together what gathers evidence from folders, and what verifies it.

A site's and a custodian's folder hold their own keys, so each part is written where its folder is.
Verifying opens no folder: it has the document, keys and checkpoints.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from securefed.adapters.ed25519_keys import PooledChecker, load_key, verify
from securefed.adapters.site_folder import SeenCheckpoints, kept_checkpoint
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.evidence import (
    KnownKey,
    SignedEvidence,
    SignedPart,
    written_evidence,
)
from securefed.domain.identifiers import Name, PublicKey, StudyId
from securefed.errors import ConfigInvalid
from securefed.ports import Signer
from securefed.steps.gather_evidence import custodian_part, gather_evidence, site_part
from securefed.steps.verify_evidence import Examined, Examining, verify_evidence
from securefed.wiring.basics import accountant, clock, second_accountant
from securefed.wiring.custodian import open_custodian
from securefed.wiring.opened_site import open_site

# A party's part, what signs for it, and the keys of those who signed its checkpoints.
Own = tuple[SignedPart, Signer, tuple[KnownKey, ...]]


def part_of_site(root: Path, study: StudyId | None) -> Own:
    """A site's part, with the checkpoint that it keeps."""
    opened = open_site(root)
    signer, kept = load_key(opened.folder.site_key), kept_checkpoint(opened.folder.kept_checkpoint)
    notes = [] if kept is None else [kept]
    opened.party.register()
    seen = _seen(SeenCheckpoints(opened.folder.seen))
    ledger, shown = opened.party.ledger, [one for one, _ in seen]
    return (
        site_part(ledger, signer, notes, study, accountant(), shown),
        signer,
        _signers(notes, seen),
    )


def part_of_custodian(root: Path, study: StudyId | None) -> Own:
    """A custodian's part."""
    opened = open_custodian(root)
    party, kept = opened.party, kept_checkpoint(opened.folder.cosigned)
    notes, seen = [] if kept is None else [kept], _seen(SeenCheckpoints(opened.folder.seen))
    part = custodian_part(party.log, party.signer, notes, study, [one for one, _ in seen])
    return part, party.signer, _signers(notes, seen)


def _seen(shelf: SeenCheckpoints) -> list[tuple[Checkpoint, PublicKey]]:
    return [(one.checked(verify), key) for key, one in sorted(shelf.seen().items())]


def _signers(
    notes: Iterable[Checkpoint], seen: Iterable[tuple[Checkpoint, PublicKey]]
) -> tuple[KnownKey, ...]:
    """The keys of those among who was seen who signed these."""
    known = [(note.site, key) for note, key in seen]
    return tuple(
        KnownKey(name=Name(site), key=key)
        for site, key in known
        if any(note.vouched_by(site, key, verify) for note in notes)
    )


def gathered(
    own: Iterable[Own],
    others: Iterable[SignedEvidence],
    study: StudyId | None,
    witnesses: Mapping[Name, PublicKey],
    by: tuple[Name, Path] | None,
) -> SignedEvidence:
    """The document, signed with a key file, or by the one party whose folder is there."""
    mine, given = list(own), [one.evidence for one in others]
    known = {one.name: one.key for evidence in given for one in evidence.witnesses}
    known |= {one.name: one.key for _, _, signers in mine for one in signers}
    parts = [*(one[0] for one in mine), *(one for evidence in given for one in evidence.parts)]
    keys = [KnownKey(name=name, key=key) for name, key in {**known, **witnesses}.items()]
    signing: tuple[Name, Signer]
    if by is not None:
        signing = (by[0], load_key(by[1]))
    elif len(mine) == 1:
        signing = (mine[0][0].part.name, mine[0][1])
    else:
        raise ConfigInvalid("Say who signs the document", hint="Give --name and --key.")
    return gather_evidence(parts, study, signing, keys, clock().now())


def checked(signed: SignedEvidence) -> bytes:
    """The document's bytes, if everybody in it has signed their part."""
    signed.check(verify)
    for one in signed.evidence.parts:
        one.check(verify)
    signed.evidence.keys()
    return written_evidence(signed)


def verified(
    data: bytes, known: Mapping[Name, PublicKey], held: tuple[Checkpoint, ...]
) -> Examined:
    """Every check of a document."""
    return verify_evidence(data, examining(known, held))


def examining(known: Mapping[Name, PublicKey], held: tuple[Checkpoint, ...]) -> Examining:
    """What a document is checked with, and what was brought from elsewhere."""
    return Examining(
        verify=verify,
        checker=PooledChecker(),
        accountant=accountant(),
        second=second_accountant(),
        known=known,
        held=held,
    )
