"""Drawing up the review plan of a request from the ledger, the accountant and the machine."""

from dataclasses import dataclass
from datetime import datetime

from securefed.domain.facts import ReviewFacts
from securefed.domain.plan import ReviewPlan, draw_up
from securefed.domain.register import Register
from securefed.domain.request import CodeRequest
from securefed.errors import NotFound
from securefed.ports import Accountant, MachineProbe


@dataclass(frozen=True, kw_only=True)
class Reviewing:
    """What a plan is drawn up with, besides the ledger."""

    accountant: Accountant
    probe: MachineProbe


def review_request(
    register: Register, asked: CodeRequest, now: datetime, reviewing: Reviewing
) -> ReviewPlan:
    """The complete effect of approving a request, filed or not, as things are at this moment."""
    if asked.site != register.site.site:
        raise NotFound(f"The request is for {asked.site}, and this is {register.site.site}")
    return draw_up(
        _facts(register, asked, now, reviewing),
        register.policy,
        register.book(asked.dataset),
        register.basis(asked.request),
        register.last_approved(asked),
    )


def _facts(
    register: Register, asked: CodeRequest, now: datetime, reviewing: Reviewing
) -> ReviewFacts:
    book, loss = register.book(asked.dataset), reviewing.accountant.loss
    delta = book.granted(now).delta
    return ReviewFacts(
        request=asked,
        card=register.card(asked.dataset),
        machine=reviewing.probe.machine(),
        loss=loss(asked.whole, delta),
        dataset_loss=loss(book.mechanisms() + asked.whole, delta),
        requester_loss=loss(book.mechanisms(asked.requester) + asked.whole, delta),
        known_families=register.known_families(),
        now=now,
    )
