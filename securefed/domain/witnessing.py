"""Checkpoints that parties show each other, so that each can say later what it saw of the others.

    note = KeyedNote(key=key, note=checkpoint.note())
    note.checked(verify).head

Whoever cuts off or rewrites its ledger signs a shorter or another one, and the others hold what it
signed before. A witness sees heads and no entries: of two heads of different sizes it can't tell
whether one follows from the other. An auditor who has the entries can.
"""

from dataclasses import dataclass
from typing import ClassVar

from securefed.domain.checkpoint import Checkpoint, parse_checkpoint
from securefed.domain.identifiers import Name, PublicKey, Sentence
from securefed.domain.ledger import Verify
from securefed.errors import CheckpointInvalid

LONGEST_NOTE = 16_384
# What one call brings, and what one party remembers.
MOST_NOTES, MOST_SEEN = 64, 512


@dataclass(frozen=True, kw_only=True)
class KeyedNote:
    """A checkpoint as it is printed, and the key of whose ledger it is said to be."""

    key: PublicKey
    note: str

    def __post_init__(self) -> None:
        if len(self.note) > LONGEST_NOTE:
            raise CheckpointInvalid(f"A checkpoint has at most {LONGEST_NOTE:,} characters")

    def checked(self, verify: Verify) -> Checkpoint:
        """The checkpoint, if that key signed it."""
        checkpoint = parse_checkpoint(self.note)
        if not checkpoint.vouched_by_site(self.key, verify):
            raise CheckpointInvalid(f"The checkpoint of {checkpoint.site} is not signed by it")
        return checkpoint


@dataclass(frozen=True, kw_only=True)
class Witness:
    """Sign these checkpoints of others, and keep what others signed of yours; about no attempt."""

    kind: ClassVar[str] = "witness"
    notes: tuple[KeyedNote, ...]

    def __post_init__(self) -> None:
        if len(self.notes) > MOST_NOTES:
            raise CheckpointInvalid(f"{MOST_NOTES} checkpoints at once are the most")


@dataclass(frozen=True, kw_only=True)
class RefusedNote:
    """A checkpoint that a party did not sign, with an error's code and its words."""

    key: PublicKey
    code: Name
    what: Sentence


@dataclass(frozen=True, kw_only=True)
class Witnessed:
    """A party's own newest checkpoint, those of others with its signature, and those without."""

    kind: ClassVar[str] = "witnessed"
    own: KeyedNote
    signed: tuple[KeyedNote, ...]
    refused: tuple[RefusedNote, ...]
