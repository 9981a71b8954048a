"""All that a register says, as one value that can be compared."""

from dataclasses import dataclass
from decimal import Decimal

from securefed.domain.identifiers import AccountId, DatasetId, RequestId
from securefed.domain.ledger import Head
from securefed.domain.register import Register
from securefed.domain.request import RequestState
from securefed.domain.round import Round


@dataclass(frozen=True)
class Picture:
    """A register at one moment."""

    head: Head
    spent: dict[DatasetId, Decimal]
    reserved: dict[DatasetId, Decimal]
    accounts: dict[AccountId, str]
    cards: dict[DatasetId, int]
    erased: dict[DatasetId, int]
    paused: bool
    requests: dict[RequestId, tuple[RequestState, int, str]]
    rounds: tuple[Round, ...]
    policy: str
    tokens: int
    material: int


def picture(register: Register) -> Picture:
    """The register as it is now; later changes do not change the picture."""
    books = register.books
    return Picture(
        head=register.head,
        spent={name: book.spent for name, book in books.items()},
        reserved={name: book.reserved for name, book in books.items()},
        accounts={
            name: f"{account} {name in register.suspended}"
            for name, account in register.accounts.items()
        },
        cards={name: card.version for name, card in register.cards.items()},
        erased={name: card.version for name, card in register.erased.items()},
        paused=register.paused,
        requests={
            name: (filed.state, len(filed.approvals), filed.reason)
            for name, filed in register.requests.items()
        },
        rounds=tuple(
            attempt
            for book in books.values()
            for hold in book.holds.values()
            for attempt in hold.rounds.values()
        ),
        policy=register.policy.digest,
        tokens=len(register.tokens),
        material=len(register.material),
    )
