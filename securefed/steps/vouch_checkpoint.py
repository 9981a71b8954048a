"""Checkpoints in other hands: another party co-signs one, and the site keeps the newest.

A co-signer says "I have seen this head at this site", no more: whether the ledger holds it, the
site itself checks when it keeps the checkpoint, and ever after.
"""

from securefed.domain.checkpoint import Checkpoint
from securefed.domain.identifiers import Name
from securefed.domain.ledger import Verify
from securefed.domain.witnessing import KeyedNote
from securefed.errors import CheckpointInvalid, LedgerRolledBack
from securefed.ports import Signer


def cosign_checkpoint(checkpoint: Checkpoint, name: Name, signer: Signer) -> Checkpoint:
    """The checkpoint with another party's signature under the site's."""
    if not checkpoint.names_its_site:
        raise CheckpointInvalid(f"There is no signature of {checkpoint.site} under the checkpoint")
    return checkpoint.cosigned(name, signer.key, signer.sign(checkpoint.signed))


def signed_note(
    note: KeyedNote, before: KeyedNote | None, name: Name, signer: Signer, verify: Verify
) -> KeyedNote:
    """The note with its origin's signature and this party's; refused where it goes back behind what
    was seen of that ledger before, or is another one of the same size."""
    checkpoint = note.checked(verify)
    head = checkpoint.head
    seen = head if before is None else before.checked(verify).head
    if head.size < seen.size:
        raise LedgerRolledBack(
            f"{checkpoint.site} shows {head.size} entries, and showed {seen.size} before: the "
            "checkpoint comes late, or its ledger went back"
        )
    if head.size == seen.size and head != seen:
        raise LedgerRolledBack(f"{checkpoint.site} shows two different ledgers of {head.size}")
    mine = cosign_checkpoint(checkpoint.among(note.key, (), verify), name, signer)
    return KeyedNote(key=note.key, note=mine.note())


def newest_checkpoint(kept: Checkpoint | None, offered: Checkpoint) -> Checkpoint:
    """Which one to keep: the longer; of one head, everybody's signatures."""
    if kept is None or offered.head.size > kept.head.size:
        return offered
    return kept.joined(offered) if kept.head == offered.head else kept
