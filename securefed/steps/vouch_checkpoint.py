"""Checkpoints in other hands: another party co-signs one, and the site keeps the newest.

A co-signer says "I have seen this head at this site", no more: whether the ledger holds it, the
site itself checks when it keeps the checkpoint, and ever after.
"""

from securefed.domain.checkpoint import Checkpoint
from securefed.domain.identifiers import Name
from securefed.errors import CheckpointInvalid
from securefed.ports import Signer


def cosign_checkpoint(checkpoint: Checkpoint, name: Name, signer: Signer) -> Checkpoint:
    """The checkpoint with another party's signature under the site's."""
    if not checkpoint.names_its_site:
        raise CheckpointInvalid(f"There is no signature of {checkpoint.site} under the checkpoint")
    return checkpoint.cosigned(name, signer.key, signer.sign(checkpoint.signed))


def newest_checkpoint(kept: Checkpoint | None, offered: Checkpoint) -> Checkpoint:
    """Which one to keep: the longer; of one head, everybody's signatures."""
    if kept is None or offered.head.size > kept.head.size:
        return offered
    return kept.joined(offered) if kept.head == offered.head else kept
