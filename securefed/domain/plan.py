"""The review plan: the complete effect of approving a request, and the digest that approval names.

The plan is the only input of what a person reads, of what they sign and of what the site enforces.
It is a pure function of its parts; a part that changes makes another plan with another digest.
`basis` is the ledger's head without what does not matter to this plan: the progress of rounds that
are already reserved, and approvals of this very plan by other reviewers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import cast

from securefed.domain.allowance import Allowance
from securefed.domain.budget import Book
from securefed.domain.canonical import Plain
from securefed.domain.facts import ReviewFacts
from securefed.domain.findings import Finding, Verdict, reviewers_needed, verdict_of
from securefed.domain.identifiers import Digest, Name, RequestId, Sentence, SiteId
from securefed.domain.ledger import Head
from securefed.domain.policy import Policy, judge
from securefed.domain.privacy import PrivacyLoss
from securefed.domain.records import record_digest, to_plain
from securefed.domain.request import CodeRequest
from securefed.domain.site import DataCard, Machine

PLAN_KIND = "review-plan"


@dataclass(frozen=True, kw_only=True)
class BudgetEffect:
    """The allowance, and divergences at its order: before, by this request, and after."""

    allowance: Allowance
    cap: Decimal
    spent: Decimal
    reserved: Decimal
    reserves: Decimal
    leaves: Decimal


@dataclass(frozen=True, kw_only=True)
class Change:
    """One leaf that differs from the last plan approved for this study."""

    what: Sentence
    before: Sentence
    after: Sentence


@dataclass(frozen=True, kw_only=True)
class ReviewPlan:
    """All that a reviewer approves."""

    format_version: int
    site: SiteId
    request_digest: Digest
    request: CodeRequest
    card: DataCard
    machine: Machine
    loss: PrivacyLoss
    dataset_loss: PrivacyLoss
    requester_loss: PrivacyLoss
    budget: BudgetEffect
    policy: Name
    policy_digest: Digest
    findings: tuple[Finding, ...]
    verdict: Verdict
    reviewers: int
    earlier: RequestId | None
    changes: tuple[Change, ...]
    basis: Head

    @cached_property
    def digest(self) -> Digest:
        """What an approval names."""
        return record_digest(PLAN_KIND, self)


def draw_up(
    facts: ReviewFacts, policy: Policy, book: Book, basis: Head, earlier: ReviewPlan | None
) -> ReviewPlan:
    """The plan for a request, from the site's facts, policy, budget and history."""
    findings = judge(policy, facts)
    request = facts.request
    return ReviewPlan(
        format_version=1,
        site=request.site,
        request_digest=request.digest,
        request=request,
        card=facts.card,
        machine=facts.machine,
        loss=facts.loss,
        dataset_loss=facts.dataset_loss,
        requester_loss=facts.requester_loss,
        budget=_effect(book, request),
        policy=policy.name,
        policy_digest=policy.digest,
        findings=findings,
        verdict=verdict_of(findings),
        reviewers=reviewers_needed(findings),
        earlier=None if earlier is None else earlier.request.request,
        changes=() if earlier is None else _semantic(earlier, request, facts),
        basis=basis,
    )


def leaves(plain: Plain, path: str = "") -> Iterator[tuple[str, Plain]]:
    """Every leaf of a plain value with its path."""
    if isinstance(plain, dict) and plain:
        for key, value in plain.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(plain, list) and plain:
        for place, value in enumerate(plain):
            yield from leaves(value, f"{path}[{place}]")
    else:
        yield path, plain


def changes_between(before: Plain, after: Plain) -> tuple[Change, ...]:
    """The leaves that were added, removed or changed."""
    old, new = dict(leaves(before)), dict(leaves(after))
    return tuple(
        Change(what=Sentence(path), before=_word(old.get(path)), after=_word(new.get(path)))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    )


def _effect(book: Book, request: CodeRequest) -> BudgetEffect:
    granted, need = book.granted(), book.need(request)
    return BudgetEffect(
        allowance=granted,
        cap=granted.cap,
        spent=book.spent,
        reserved=book.reserved,
        reserves=need,
        leaves=granted.cap - book.counted - need if need.is_finite() else Decimal(0),
    )


def _semantic(earlier: ReviewPlan, request: CodeRequest, facts: ReviewFacts) -> tuple[Change, ...]:
    before = _meaning(earlier.request, earlier.card, earlier.machine)
    return changes_between(before, _meaning(request, facts.card, facts.machine))


def _meaning(request: CodeRequest, card: DataCard, machine: Machine) -> Plain:
    """What makes a request mean what it means: not when it was filed, nor what other sites do."""
    study = cast(dict[str, Plain], to_plain(request.study))
    study = {**study, "participants": to_plain(request.part)}
    return {"study": study, "card": to_plain(card), "machine": to_plain(machine)}


def _word(leaf: Plain) -> Sentence:
    return Sentence("nothing" if leaf is None else str(leaf))
