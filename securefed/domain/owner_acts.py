"""What an owner's decisions about people, data and the site itself do to a register.

Every function checks first and changes last. Erasing data ends what was asked of them and leaves
their book: whoever registers them again goes on with what is left, under the same privacy unit.
"""

from securefed.domain import decision as made
from securefed.domain.budget import Book
from securefed.domain.identifiers import RequestId
from securefed.domain.privacy import Adjacency
from securefed.domain.register import Register
from securefed.domain.request import RequestState, moved
from securefed.domain.site import Account, DataCard
from securefed.errors import (
    AlreadyExists,
    ApprovalWithdrawn,
    ConfigInvalid,
    NotAllowedHere,
    NotInThisState,
    TransitionInvalid,
)


def admit(register: Register, account: Account) -> None:
    """A name and a key are each given to one person, for ever."""
    if account.account in register.accounts:
        raise AlreadyExists(f"The account {account.account} exists already")
    if account.key in {one.key for one in register.accounts.values()}:
        raise AlreadyExists("Another account has this key")
    register.accounts[account.account] = account


def register_card(register: Register, card: DataCard) -> None:
    """A new dataset begins a book; a new version, of erased data too, goes on with the old one."""
    known = register.last_card(card.dataset)
    if card.adjacency is not Adjacency.ADD_REMOVE:
        raise ConfigInvalid(f"Budgets are counted under add-remove, not {card.adjacency}")
    if card.version != (1 if known is None else known.version + 1):
        raise AlreadyExists(f"Version {card.version} of {card.dataset} is not the next one")
    if known is not None and (card.unit, card.adjacency) != (known.unit, known.adjacency):
        raise NotAllowedHere("A dataset's privacy unit never changes; register a new dataset")
    if register.data.setdefault(card.data, card.dataset) != card.dataset:
        raise AlreadyExists(
            f"These data are registered as {register.data[card.data]}; a second name would give "
            "them a second budget"
        )
    register.cards[card.dataset] = card
    register.erased.pop(card.dataset, None)
    register.books.setdefault(card.dataset, Book(card.dataset))


def erase_data(register: Register, decision: made.DataErasure) -> None:
    """Ends a dataset and every request for it."""
    dataset = decision.dataset
    if decision.version != register.card(dataset).version:
        raise TransitionInvalid(f"Version {decision.version} of {dataset} is not the newest")
    for name in register.asked_of(dataset):
        state = register.request(name).state
        if not state.closed:
            ended = RequestState.REVOKED if state is RequestState.APPROVED else RequestState.DENIED
            close_request(register, name, ended, decision.reason)
    register.erased[dataset] = register.cards.pop(dataset)


def pause_or_resume(register: Register, decision: made.SitePause | made.SiteResumption) -> None:
    """Pauses a site that is not paused, or resumes one that is."""
    pausing = isinstance(decision, made.SitePause)
    if register.paused is pausing:
        raise NotInThisState(
            f"{decision.site} is {'paused already' if pausing else 'not paused'}",
            hint="See whether it is with 'securefed site check'.",
        )
    # Under one name, so that a resumption from before a pause does not end it.
    last = register.decided_at.get((made.SitePause.kind, ""))
    if last is not None and decision.at < last:
        raise TransitionInvalid("A newer decision to pause or to resume is in force")
    register.paused = pausing
    register.decided_at[made.SitePause.kind, ""] = decision.at


def close_request(register: Register, name: RequestId, state: RequestState, reason: str) -> None:
    """Ends a request, and its reservation if it has one."""
    filed = register.request(name)
    if filed.state.closed:
        raise ApprovalWithdrawn(f"{name} is {filed.state} already")
    to = moved(filed.state, state)
    if filed.state is RequestState.APPROVED:
        register.book(filed.signed.request.dataset).close(name)
    filed.state, filed.reason = to, reason
