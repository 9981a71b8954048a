"""Checkpoints in evidence: each is signed, is contained, and how far others vouch for the entries.

A party that rewrites or shortens its own ledger signs everything again, so only others' signatures
show it. Each part also shows what its party saw of the others and signed; those count, too.
Promises that every signature under a note is valid: one of somebody whose key is not there refuses
the note, because nobody could tell what it is worth.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from securefed.domain.checkpoint import Checkpoint
from securefed.domain.evidence import Part
from securefed.domain.identifiers import Digest, Name, PublicKey, SiteId
from securefed.domain.ledger import NO_ENTRY, Verify
from securefed.errors import EvidenceInvalid, LedgerRolledBack


@dataclass(frozen=True, kw_only=True)
class Vouched:
    """The entries of a party's ledger that others have seen, from the first one on; who signed for
    just so many, and whether the verifier holds a checkpoint of them."""

    entries: int
    of: int
    by: tuple[Name, ...]
    held: bool

    @property
    def whole(self) -> bool:
        """Whether no entry is the party's own word alone."""
        return self.entries == self.of

    def __str__(self) -> str:
        if self.whole:
            return f"all {self.of:,} entries"
        count = f"the first {self.entries:,}" if self.entries else "none"
        return f"{count} of {self.of:,} entries"


def check_notes(
    part: Part,
    keys: Mapping[Name, PublicKey],
    held: Sequence[Checkpoint],
    verify: Verify,
    seen: Sequence[Checkpoint] = (),
) -> Vouched:
    """Refuses a part that lacks one of its checkpoints; which entries others vouch for.

    `held` are checkpoints in the verifier's hands, of whichever ledger; `seen` are those that other
    parts show of this one."""
    hashes = [NO_ENTRY, *(one.hash for one in part.stored())]
    own = [one for one in part.checkpoints() if one.site == SiteId(part.name)]
    if not own:
        raise EvidenceInvalid(f"{part.name} shows no checkpoint of its own")
    mine = [one for one in held if one.site == SiteId(part.name)]
    found: dict[int, set[Name]] = {}
    for note in (*own, *mine, *seen):
        others = _checked_cosigners(note, part, keys, verify)
        _check_contained(note, hashes)
        if others or note in mine:
            found.setdefault(note.head.size, set()).update(others)
    entries = max(found, default=0)
    return Vouched(
        entries=entries,
        of=len(hashes) - 1,
        by=tuple(sorted(found.get(entries, ()))),
        held=any(one.head.size == entries for one in mine),
    )


def seen_of(part: Part, parts: Iterable[Part], verify: Verify) -> tuple[Checkpoint, ...]:
    """What other parts show of this one's ledger, as far as it is signed with this one's key."""
    return tuple(
        note
        for other in parts
        if other.name != part.name
        for note in other.checkpoints()
        if note.site == SiteId(part.name) and note.vouched_by_site(part.key, verify)
    )


def _checked_cosigners(
    note: Checkpoint, part: Part, keys: Mapping[Name, PublicKey], verify: Verify
) -> set[Name]:
    """Who else signed it: the party's own key under another name is nobody else's."""
    if note.site != SiteId(part.name) or not note.vouched_by_site(part.key, verify):
        raise EvidenceInvalid(f"A checkpoint is not signed by {part.name}")
    names = [one.name for one in note.signatures]
    others = note.cosigners
    if len(set(names)) != len(names) or len(others) != len(names) - 1:
        raise EvidenceInvalid(f"A checkpoint of {part.name} has a signature that is nobody's")
    found: set[Name] = set()
    for name in map(Name, others):
        key = keys.get(name)
        if key is None or not note.vouched_by(name, key, verify):
            raise EvidenceInvalid(f"A checkpoint of {part.name} is not signed by {name}")
        if key != part.key:
            found.add(name)
    return found


def _check_contained(note: Checkpoint, hashes: Sequence[Digest]) -> None:
    size = note.head.size
    if size >= len(hashes) or hashes[size] != note.head.hash:
        raise LedgerRolledBack(f"The ledger does not contain its checkpoint of {size} entries")
