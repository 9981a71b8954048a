"""Evidence: ledgers, logs and figures in one signed document, to be verified far from any site.

Each party hands out a part that it signs itself: every entry of its ledger as stored, checkpoints,
and, from a site, the ε of what ran. Whoever gathers parts signs the whole. A part is about a whole
ledger, also where the document is about one study: a chain with holes could not be verified. So a
site that hands out a part shows its other studies' requests and decisions, too; it shows no data.

Promises one form and one reading. Whether any of it is true is for `steps.verify_evidence`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from securefed.domain.canonical import prefixed
from securefed.domain.checkpoint import Checkpoint, parse_checkpoint
from securefed.domain.identifiers import DatasetId, Name, PublicKey, Signature, StudyId
from securefed.domain.ledger import StoredEntry, Verify
from securefed.domain.privacy import PrivacyLoss
from securefed.domain.records import from_bytes, to_bytes
from securefed.errors import EvidenceInvalid

EVIDENCE_KIND = "evidence"
PART_KIND = "evidence-part"


class Party(StrEnum):
    """Whose ledger it is."""

    SITE = "site"
    CUSTODIAN = "custodian"


@dataclass(frozen=True, kw_only=True)
class KnownKey:
    """Somebody and the key that they sign with."""

    name: Name
    key: PublicKey


@dataclass(frozen=True, kw_only=True)
class EntryLine:
    """An entry's stored bytes as text, and its signature, as in a ledger's export."""

    entry: str
    signature: Signature


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What ran on a dataset costs: of one study, or of all where none is named."""

    dataset: DatasetId
    study: StudyId | None
    loss: PrivacyLoss


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one party hands out, for one study or for none in particular. Notes are checkpoints as
    they are printed."""

    format_version: int
    study: StudyId | None
    party: Party
    name: Name
    key: PublicKey
    entries: tuple[EntryLine, ...]
    notes: tuple[str, ...]
    figures: tuple[Figure, ...]

    @property
    def signed(self) -> bytes:
        """What the party signs."""
        return prefixed(PART_KIND, to_bytes(self))

    def stored(self) -> Iterator[StoredEntry]:
        """The entries as they lay in the store."""
        for one in self.entries:
            yield StoredEntry(data=one.entry.encode("utf-8"), signature=one.signature)

    def checkpoints(self) -> list[Checkpoint]:
        """The notes, read."""
        return [parse_checkpoint(note) for note in self.notes]


@dataclass(frozen=True, kw_only=True)
class SignedPart:
    """A part and its party's signature."""

    part: Part
    signature: Signature

    def check(self, verify: Verify) -> None:
        """Refuses a part that its party did not sign, or of another format."""
        if self.part.format_version != 1:
            raise EvidenceInvalid(f"Unknown format {self.part.format_version}")
        if self.part.party is Party.CUSTODIAN and self.part.figures:
            raise EvidenceInvalid("A custodian states no figures")
        if not verify(self.part.key, self.part.signed, self.signature):
            raise EvidenceInvalid(f"The part of {self.part.name} is not signed by it")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All parts, about one study or, where none is named, about all that the parts show.

    Witnesses are co-signers of checkpoints that have no part here."""

    format_version: int
    study: StudyId | None
    at: datetime
    by: KnownKey
    witnesses: tuple[KnownKey, ...]
    parts: tuple[SignedPart, ...]

    @property
    def signed(self) -> bytes:
        """What the gatherer signs."""
        return prefixed(EVIDENCE_KIND, to_bytes(self))

    def of(self, party: Party) -> list[Part]:
        """The parts of one kind of party."""
        return [one.part for one in self.parts if one.part.party is party]

    def keys(self) -> dict[Name, PublicKey]:
        """Everybody's key as the document has it; refuses two keys under one name."""
        found: dict[Name, PublicKey] = {}
        for name, key in self._named():
            if found.setdefault(name, key) != key:
                raise EvidenceInvalid(f"{name} stands there with two keys")
        return found

    def _named(self) -> Iterator[tuple[Name, PublicKey]]:
        yield self.by.name, self.by.key
        for witness in self.witnesses:
            yield witness.name, witness.key
        for one in self.parts:
            yield one.part.name, one.part.key


@dataclass(frozen=True, kw_only=True)
class SignedEvidence:
    """The document: what was gathered, and the gatherer's signature."""

    evidence: Evidence
    signature: Signature

    def check(self, verify: Verify) -> None:
        """Refuses a document that its gatherer did not sign, or of another format."""
        evidence = self.evidence
        if evidence.format_version != 1:
            raise EvidenceInvalid(f"Unknown format {evidence.format_version}")
        if not verify(evidence.by.key, evidence.signed, self.signature):
            raise EvidenceInvalid(f"The document is not signed by {evidence.by.name}")
        names = [(one.part.party, one.part.name) for one in evidence.parts]
        if names != sorted(set(names)) or not names:
            raise EvidenceInvalid("Parts are sorted by party and name, and each stands once")
        if any(one.part.study != evidence.study for one in evidence.parts):
            raise EvidenceInvalid("A part was handed out for another study")


def read_evidence(data: bytes) -> SignedEvidence:
    """The document of a file's bytes."""
    return from_bytes(SignedEvidence, data)


def written_evidence(signed: SignedEvidence) -> bytes:
    """The bytes of the file."""
    return to_bytes(signed)


def entry_lines(entries: Iterable[StoredEntry]) -> tuple[EntryLine, ...]:
    """Stored entries as they stand in a part."""
    return tuple(
        EntryLine(entry=one.data.decode("utf-8"), signature=one.signature) for one in entries
    )
