"""What happened at a site, each thing with the ledger entry in which it stands.

Entries are applied one after the other by the ledger's own rules, signatures included, so what is
here has been allowed there. The state that the rules make of the entries is the register; this
keeps beside it which entry said what. Promises nothing about entries that were cut off.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Generic, TypeVar

from securefed.domain import decision as made
from securefed.domain import event as happened
from securefed.domain.budget import Book
from securefed.domain.event import LedgerEntry
from securefed.domain.identifiers import DatasetId, RequestId
from securefed.domain.ledger import StoredEntry, Verify
from securefed.domain.protection import Proof
from securefed.domain.register import Register
from securefed.domain.renyi import total_at
from securefed.domain.replay import apply
from securefed.domain.report.model import Cited
from securefed.domain.request import CodeRequest, RequestState
from securefed.domain.round import Round, RoundId

T = TypeVar("T")


@dataclass(frozen=True)
class Noted(Generic[T]):
    """Something, the entry in which it stands, and when that was."""

    entry: int
    at: datetime
    what: T


@dataclass
class AttemptStory:
    """An attempt at a round: the entries that tell of it, and how it stands."""

    attempt: Round
    reserved: Noted[RoundId]
    entries: list[int]
    last_at: datetime
    proof: Noted[Proof] | None = None


@dataclass
class RequestStory:
    """A request: filed, decided upon, run, ended."""

    request: CodeRequest
    filed: Noted[RequestId]
    approvals: list[Noted[made.Approval]] = field(default_factory=list)
    ended: Noted[tuple[RequestState, str]] | None = None
    attempts: dict[RoundId, AttemptStory] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A dataset's budget after an entry, as divergences at its order."""

    entry: int
    at: datetime
    charged: Decimal
    counted: Decimal
    cap: Decimal


@dataclass
class Chronicle:
    """Everything that the report tells, in the order in which it happened."""

    register: Register
    entries: list[Cited] = field(default_factory=list)
    cards: dict[DatasetId, list[Noted[made.DataRegistration]]] = field(default_factory=dict)
    grants: dict[DatasetId, list[Noted[made.AllowanceGrant]]] = field(default_factory=dict)
    policies: list[Noted[made.PolicyAdoption]] = field(default_factory=list)
    others: list[Noted[made.Decision]] = field(default_factory=list)
    requests: dict[RequestId, RequestStory] = field(default_factory=dict)
    refused: list[Noted[happened.CallsRefused]] = field(default_factory=list)
    budgets: dict[DatasetId, list[Moment]] = field(default_factory=dict)
    _charges: dict[DatasetId, dict[RoundId, Decimal]] = field(default_factory=dict)

    def follow(self, stored: StoredEntry) -> None:
        """Applies the next entry and keeps what it says."""
        entry = apply(self.register, stored)
        kind = entry.event.kind
        if isinstance(entry.event, happened.Decided):
            kind = entry.event.decided.decision.kind
        self.entries.append(Cited(index=entry.index, at=entry.at, kind=kind, hash=stored.hash))
        self._keep(entry)
        self._weigh(entry)

    def _keep(self, entry: LedgerEntry) -> None:
        match entry.event:
            case happened.Decided(decided=decided):
                self._decided(entry, decided.decision)
            case happened.RequestFiled(filed=filed):
                name = filed.request.request
                noted = Noted(entry.index, entry.at, name)
                self.requests[name] = RequestStory(filed.request, noted)
            case happened.RequestClosed(request=name, state=state):
                self.requests[name].ended = Noted(entry.index, entry.at, (state, ""))
            case happened.RoundReserved(id=id):
                self.requests[id.request].attempts[id] = AttemptStory(
                    attempt=self.register.book_of(id).round(id),
                    reserved=Noted(entry.index, entry.at, id),
                    entries=[entry.index],
                    last_at=entry.at,
                )
            case happened.ProtectionTested(id=id, tested=tested):
                story = self._touched(id, entry)
                story.proof = Noted(entry.index, entry.at, tested.proof)
            case happened.CallsRefused():
                self.refused.append(Noted(entry.index, entry.at, entry.event))
            case happened.SiteFounded():
                return
            case moved:
                story = self._touched(moved.id, entry)
                story.attempt = self.register.book_of(moved.id).round(moved.id)

    def _decided(self, entry: LedgerEntry, decision: made.Decision) -> None:
        index, at = entry.index, entry.at
        match decision:
            case made.Approval():
                self.requests[decision.request].approvals.append(Noted(index, at, decision))
            case made.Denial() | made.Revocation():
                story = self.requests[decision.request]
                state = self.register.request(decision.request).state
                story.ended = Noted(index, at, (state, f"{decision.by}: {decision.reason}"))
            case made.DataRegistration():
                known = self.cards.setdefault(decision.card.dataset, [])
                known.append(Noted(index, at, decision))
            case made.AllowanceGrant():
                granted = self.grants.setdefault(decision.allowance.dataset, [])
                granted.append(Noted(index, at, decision))
            case made.PolicyAdoption():
                self.policies.append(Noted(index, at, decision))
            case _:
                self.others.append(Noted(index, at, decision))
                self._ended_by(entry, decision)

    def _ended_by(self, entry: LedgerEntry, decision: made.Decision) -> None:
        """Erasing data ends every request for them."""
        for name, story in self.requests.items():
            state = self.register.request(name).state
            if state.closed and story.ended is None:
                why = (state, f"{decision.by}: {decision.reason}")
                story.ended = Noted(entry.index, entry.at, why)

    def _touched(self, id: RoundId, entry: LedgerEntry) -> AttemptStory:
        story = self.requests[id.request].attempts[id]
        story.entries.append(entry.index)
        story.last_at = entry.at
        return story

    def _weigh(self, entry: LedgerEntry) -> None:
        """Notes each budget that the entry has changed."""
        for dataset, book in self.register.books.items():
            if book.allowance is None:
                continue
            now = Moment(
                entry=entry.index,
                at=entry.at,
                charged=self._charged(dataset, book, entry),
                counted=book.counted,
                cap=book.allowance.cap,
            )
            known = self.budgets.setdefault(dataset, [])
            before = known[-1] if known else None
            same = before and (before.charged, before.counted, before.cap)
            if same != (now.charged, now.counted, now.cap):
                known.append(now)

    def _charged(self, dataset: DatasetId, book: Book, entry: LedgerEntry) -> Decimal:
        charges = self._charges.setdefault(dataset, {})
        if isinstance(entry.event, happened.StepsAuthorised):
            id = entry.event.id
            hold = book.holds.get(id.request)
            if hold is not None:
                ran = hold.rounds[id].mechanisms(hold.request.part)
                charges[id] = total_at(ran, hold.order)
        return sum(charges.values(), Decimal(0))


def chronicle_of(entries: Iterable[StoredEntry], verify: Verify) -> Chronicle:
    """The chronicle of a ledger."""
    chronicle = Chronicle(Register(verify))
    for stored in entries:
        chronicle.follow(stored)
    # A request that is closed settles its attempts; that stands in no entry of their own.
    for name, story in chronicle.requests.items():
        hold = chronicle.register.books[story.request.dataset].holds.get(name)
        for id, attempt in story.attempts.items():
            attempt.attempt = hold.rounds[id] if hold is not None else attempt.attempt
    return chronicle
