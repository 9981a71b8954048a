"""Claims: every sentence with which a report promises something, and the evidence that it needs.

The sentences stand in `audits/claims.toml`, none in the code. A claim is stated where its
conditions hold. Where its evidence is there too, the statement names the ledger entries; else it
says that the matter is not evidenced, and the sentence itself is not printed. A claim that needs
nothing is an admission or a definition. Whether a sentence is true of the program is for people to
judge; here it only stands or falls with its evidence.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from string import Formatter

from securefed.domain.identifiers import Name, Sentence
from securefed.errors import ConfigInvalid


class Needs(StrEnum):
    """The kinds of evidence."""

    LEDGER = "ledger"
    RECOUNT = "recount"
    APPROVALS = "approvals"
    GRANT = "grant"
    CARD = "card"
    CHARGES = "charges"
    RELEASES = "releases"
    SECOND_ACCOUNTANT = "second-accountant"
    SEALING = "sealing"
    SELF_TESTS = "self-tests"
    OPENINGS = "openings"
    WITNESSES = "witnesses"
    WALLS = "walls"
    METRICS = "metrics"
    POLICY = "policy"
    REFUSALS = "refusals"
    ATTACK = "attack"


class Condition(StrEnum):
    """What may be so of what is reported."""

    APPROVED = "approved"
    NOT_APPROVED = "not-approved"
    RAN = "ran"
    NOTHING_RAN = "nothing-ran"
    SEALED = "sealed"
    UNSEALED = "unsealed"
    DUAL_CUSTODY = "dual-custody"
    SINGLE_CUSTODY = "single-custody"
    PLAIN_PROCESS = "plain-process"
    OWN_CODE = "own-code"
    UNIT_IS_RECORD = "unit-is-record"
    UNIT_IS_COLUMN = "unit-is-column"
    GRANTED = "granted"
    NOT_GRANTED = "not-granted"
    NO_SHARES = "no-shares"
    SINCE = "since"
    ONE_STUDY = "one-study"
    MEASURED = "measured"
    VOTED = "voted"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a value comes from: ledger entries, with how they lead to it; or nothing."""

    entries: tuple[int, ...] = ()
    how: str = ""

    def __bool__(self) -> bool:
        return bool(self.entries or self.how)

    def __str__(self) -> str:
        if not self.entries:
            return self.how or "not evidenced"
        words = "entry" if len(set(self.entries)) == 1 else "entries"
        stands = f"{words} {ranges(self.entries)}"
        return f"{self.how} {stands}" if self.how else stands

    def joined(self, other: "Source") -> "Source":
        """Both together."""
        how = self.how if self.how == other.how else "; ".join(filter(None, (self.how, other.how)))
        return Source(entries=(*self.entries, *other.entries), how=how)


NOT_EVIDENCED = Source()


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One sentence, when it is said, and what must be there for it to be said."""

    claim: Name
    section: int
    says: Sentence
    about: Sentence
    heading: str = ""
    needs: tuple[Needs, ...] = ()
    when: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.section <= 13:
            raise ConfigInvalid(f"A report has no section {self.section}")
        odd = [one for one in _places(self.says) if not one.isidentifier()]
        if odd:
            raise ConfigInvalid(f"{odd[0]!r} is not the name of a fact")


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A claim as it is said in one report."""

    claim: Name
    heading: str
    text: str
    source: Source
    needed: bool

    @property
    def words(self) -> str:
        """The statement by itself, where nothing around it shows what it is worth."""
        marked = self.text if self.evidenced else f"Not evidenced: {self.text}"
        return f"{self.heading}: {marked}" if self.heading else marked

    @property
    def evidenced(self) -> bool:
        """Whether what it needs is there; an admission needs nothing."""
        return bool(self.source) or not self.needed


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """What a report's claims stand on: facts by name, evidence by kind, and what is so."""

    facts: Mapping[str, str]
    found: Mapping[Needs, Source]
    so: Collection[Condition] = field(default=())

    def also(self, **facts: str) -> "Grounds":
        """With further facts."""
        return Grounds(facts={**self.facts, **facts}, found=self.found, so=self.so)


class ClaimRegister:
    """All claims that a report may make."""

    def __init__(self, claims: Collection[Claim]) -> None:
        self.claims = {one.claim: one for one in claims}
        if len(self.claims) != len(claims):
            raise ConfigInvalid("A claim stands twice in the register")

    def of_section(self, section: int, grounds: Grounds) -> tuple[Statement, ...]:
        """What is said in a section, in the register's order."""
        own = [one for one in self.claims.values() if one.section == section]
        return tuple(said for one in own for said in _said(one, grounds))

    def stated(self, name: str, grounds: Grounds) -> tuple[Statement, ...]:
        """One claim as it is said; nothing where its conditions do not hold."""
        claim = self.claims.get(Name(name))
        if claim is None:
            raise ConfigInvalid(f"The register has no claim {name}")
        return tuple(_said(claim, grounds))


def runs(numbers: Collection[int]) -> list[tuple[int, int]]:
    """Numbers in order, as first and last of each unbroken run."""
    found: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def ranges(numbers: Collection[int]) -> str:
    """Numbers in order, runs of them joined."""
    return ", ".join(
        str(first) if first == last else f"{first}–{last}" for first, last in runs(numbers)
    )


def _said(claim: Claim, grounds: Grounds) -> list[Statement]:
    if not set(claim.when) <= set(grounds.so):
        return []
    missing = [one for one in claim.needs if not grounds.found.get(one)]
    if missing:
        lacks = f"{claim.about} (there is no evidence of: {', '.join(missing)})."
        return [_statement(claim, lacks, NOT_EVIDENCED)]
    source = NOT_EVIDENCED
    for one in claim.needs:
        source = source.joined(grounds.found[one])
    return [_statement(claim, claim.says.format_map(dict(grounds.facts)), source)]


def _statement(claim: Claim, text: str, source: Source) -> Statement:
    return Statement(
        claim=claim.claim,
        heading=claim.heading,
        text=text,
        source=source,
        needed=bool(claim.needs),
    )


def _places(says: str) -> list[str]:
    try:
        parts = list(Formatter().parse(says))
    except ValueError as error:
        raise ConfigInvalid(f"{says!r} is not a sentence with facts in braces") from error
    if any(spec or conversion for _, _, spec, conversion in parts):
        raise ConfigInvalid("A fact is named without a format")
    return [name for _, name, _, _ in parts if name is not None]
