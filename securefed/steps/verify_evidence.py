"""Verifying evidence with public keys alone: a table of checks, each passed, failed or not shown.

Ledgers and logs replay by the same rules that their sites and custodians apply, and every ε is
derived again. What fails ends only what rests on it; the first failure is the one to read. Keys
that the caller does not bring are the document's own word, and the table says so: whoever made all
keys of a document can make it say anything. The same goes for a tail that was cut off everywhere:
only a co-signed checkpoint, in the part or in the caller's hands, shows that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from securefed.domain.check import Check, advised, well, wrong
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.custody import CustodyRegister
from securefed.domain.custody_log import follow
from securefed.domain.decision import Approval
from securefed.domain.event import Decided, LedgerEntry
from securefed.domain.evidence import Evidence, Part, Party, read_evidence
from securefed.domain.evidence_figures import (
    check_approval,
    check_figures,
    check_second,
    figures_of,
    work_of,
)
from securefed.domain.evidence_rounds import (
    Shown,
    check_openings,
    check_proofs,
    check_released,
    missing_custodians,
)
from securefed.domain.evidence_witness import Vouched, check_notes, seen_of
from securefed.domain.identifiers import Name, PublicKey, SiteId, StudyId
from securefed.domain.ledger import StoredEntry, Verify
from securefed.domain.records import from_bytes
from securefed.domain.register import Register
from securefed.domain.replay import audit
from securefed.errors import EvidenceInvalid, SecurefedError
from securefed.ports import Accountant, SecondAccountant, SignatureChecker

T = TypeVar("T")

# In a text, quotation marks are escaped: so this stands in every approval, and seldom elsewhere.
_APPROVAL = b'"kind":"approval"'


@dataclass(frozen=True, kw_only=True)
class Examining:
    """What evidence is verified with: fresh accountants, and what the caller knows of others."""

    verify: Verify
    checker: SignatureChecker
    accountant: Accountant
    second: SecondAccountant
    known: Mapping[Name, PublicKey] = field(default_factory=dict)
    held: tuple[Checkpoint, ...] = ()


@dataclass
class Examined:
    """The checks in order, and what replayed."""

    checks: list[Check] = field(default_factory=list)
    evidence: Evidence | None = None
    sites: dict[SiteId, Register] = field(default_factory=dict)
    logs: dict[PublicKey, CustodyRegister] = field(default_factory=dict)

    @property
    def failed(self) -> Check | None:
        """The first check that failed."""
        return next((one for one in self.checks if one.exit_code), None)

    def look(self, what: str, work: Callable[[], T]) -> T | None:
        """Adds a check; what it found, if it passed."""
        try:
            found = work()
        except SecurefedError as error:
            self.checks.append(wrong(what, EvidenceInvalid(str(error))))
            return None
        self.checks.append(well(what))
        return found

    def missing(self, what: str, problem: str, remedy: str) -> None:
        """Adds what the document does not show."""
        self.checks.append(advised(what, problem, remedy))


def verify_evidence(data: bytes, examining: Examining) -> Examined:
    """Every check that can be made; never raises for what is wrong with the document."""
    examined = Examined()
    signed = examined.look("document: canonical form", lambda: read_evidence(data))
    if signed is None:
        return examined
    evidence = signed.evidence
    examined.evidence = evidence
    examined.look("document: signed by its gatherer", lambda: signed.check(examining.verify))
    _look_at_keys(examined, evidence, examining)
    for one in evidence.parts:
        what = f"{one.part.name}: part signed by its {one.part.party}"
        examined.look(what, partial(one.check, examining.verify))
    for part in evidence.of(Party.SITE):
        _look_at_site(examined, part, examining)
    for part in evidence.of(Party.CUSTODIAN):
        _look_at_log(examined, part, examining)
    _look_at_notes(examined, evidence, examining)
    _look_at_openings(examined, evidence)
    return examined


def _look_at_keys(examined: Examined, evidence: Evidence, examining: Examining) -> None:
    what = "keys: one a name, and those that were brought"
    found = examined.look(what, lambda: _keys(evidence, examining.known))
    if unknown := sorted((found or {}).keys() - examining.known.keys()):
        problem = f"not brought: {', '.join(unknown)}; their keys are the document's own word"
        examined.missing("keys: known from elsewhere", problem, "Give them with --known-key.")


def _keys(evidence: Evidence, known: Mapping[Name, PublicKey]) -> dict[Name, PublicKey]:
    found = evidence.keys()
    for name, key in known.items():
        if found.get(name, key) != key:
            raise EvidenceInvalid(f"{name} has another key than the one that was brought")
    return found


def _look_at_site(examined: Examined, part: Part, examining: Examining) -> None:
    what = f"{part.name}: entries, signatures, approvals with their losses, tokens and steps"
    register = examined.look(what, lambda: _replayed(part, examining))
    if register is None:
        return
    examined.sites[SiteId(part.name)] = register
    derived = examined.look(
        f"{part.name}: every ε, derived again",
        lambda: _figures(register, part, examining.accountant),
    )
    if derived is not None:
        what = f"{part.name}: every ε, by {examining.second.name}"
        silent = examined.look(what, lambda: _second(register, part, examining.second))
        if silent:
            examined.missing(what, f"it has no figure for {silent}", "Compare them by hand.")
    examined.look(f"{part.name}: self-tests before sealed rounds", lambda: check_proofs(register))
    examined.look(f"{part.name}: committed rounds name releases", lambda: check_released(register))


def _replayed(part: Part, examining: Examining) -> Register:
    """The register of a site's entries, the losses in each approval checked on the way."""
    register, batch = Register(examining.verify), list[StoredEntry]()
    for stored in part.stored():
        if _APPROVAL in stored.data:
            audit(register, batch, examining.checker.first_bad)
            batch = []
            _check_losses(register, stored, examining.accountant)
        batch.append(stored)
    audit(register, batch, examining.checker.first_bad)
    if (register.site.site, register.site.key) != (SiteId(part.name), part.key):
        raise EvidenceInvalid(f"The ledger is that of {register.site.site}, or of another key")
    return register


def _check_losses(register: Register, stored: StoredEntry, accountant: Accountant) -> None:
    event = from_bytes(LedgerEntry, stored.data).event
    if isinstance(event, Decided) and isinstance(event.decided.decision, Approval):
        check_approval(register, event.decided.decision, accountant.loss)


def _figures(register: Register, part: Part, accountant: Accountant) -> bool:
    check_figures(part.figures, figures_of(register, part.study, accountant.loss))
    return True


def _second(register: Register, part: Part, second: SecondAccountant) -> int:
    work = work_of(register, part.study)
    stated = [one.loss.epsilon for one in part.figures]
    return check_second(
        (epsilon, second.epsilon(ran, delta))
        for epsilon, (_, _, ran, delta) in zip(stated, work, strict=True)
    )


def _look_at_log(examined: Examined, part: Part, examining: Examining) -> None:
    what = f"{part.name}: entries, signatures, key cards, one opening a round"
    log = examined.look(what, lambda: _followed(part, examining.verify))
    if log is not None:
        examined.logs[part.key] = log


def _followed(part: Part, verify: Verify) -> CustodyRegister:
    register = CustodyRegister(verify)
    follow(register, part.stored())
    founded = register.custodian
    if (founded.custodian, founded.key) != (part.name, part.key):
        raise EvidenceInvalid(f"The log is that of {founded.custodian}, or of another key")
    return register


def _look_at_notes(examined: Examined, evidence: Evidence, examining: Examining) -> None:
    shown = {one.part.name for one in evidence.parts}
    for one in evidence.parts:
        part = one.part
        what = f"{part.name}: contains its checkpoints, and those that others show of it"
        vouched = examined.look(what, partial(notes_of, part, evidence, examining))
        if vouched is not None and not vouched.whole:
            problem = f"others have seen {vouched}; the rest is its own"
            remedy = "Have a newer checkpoint co-signed, or bring one with --checkpoint."
            examined.missing(f"{part.name}: vouched for by others", problem, remedy)

    absent = {str(one.site) for one in examining.held} - {str(name) for name in shown}
    if absent:
        problem = f"brought of {', '.join(sorted(absent))}, of whom there is no part"
        examined.missing("checkpoints: all looked at", problem, "Ask for their part.")


def notes_of(part: Part, evidence: Evidence, examining: Examining) -> Vouched:
    """Refuses checkpoints that a part contradicts; what others vouch for of it, for the table of
    checks and for every report."""
    seen = seen_of(part, [one.part for one in evidence.parts], examining.verify)
    return check_notes(part, evidence.keys(), examining.held, examining.verify, seen)


def _look_at_openings(examined: Examined, evidence: Evidence) -> None:
    shown, study = Shown(sites=examined.sites, logs=examined.logs), evidence.study
    if study is not None:
        what = f"{study}: openings one a round, for sites that committed it"
        examined.look(what, lambda: check_openings(study, shown, whole=True))
        return
    for one in _studies(shown):
        what = f"{one}: openings one a round, for sites that committed it"
        examined.look(what, partial(check_openings, one, shown, whole=False))
        if absent := missing_custodians(one, shown):
            problem = f"{len(absent)} custodians' logs are not shown"
            examined.missing(f"{one}: custodians", problem, "Gather evidence about the study.")


def _studies(shown: Shown) -> list[StudyId]:
    held = {
        hold.request.study.study
        for register in shown.sites.values()
        for book in register.books.values()
        for hold in book.holds.values()
    }
    return sorted(held.union(*(log.studies for log in shown.logs.values())))
