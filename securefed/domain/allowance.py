"""What an owner grants: the most that may ever be spent on a dataset, and by whom.

An allowance is (ε, δ) and the one Rényi order at which it is enforced. A requester's share is a
second, lower cap at the same order and δ. Whatever leaves no room to spend is refused when it is
made.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from securefed.domain.identifiers import AccountId, DatasetId
from securefed.domain.numbers import positive, probability
from securefed.domain.renyi import ORDERS, budget_at, filter_order
from securefed.errors import AllowanceInvalid


@dataclass(frozen=True, kw_only=True)
class RequesterShare:
    """The most that one account may ever spend of a dataset, at the allowance's δ."""

    account: AccountId
    epsilon: Decimal

    def __post_init__(self) -> None:
        positive("epsilon", self.epsilon)


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What may ever leave about a dataset: (ε, δ) at one order, until a moment or for good."""

    dataset: DatasetId
    epsilon: Decimal
    delta: Decimal
    order: int
    shares: tuple[RequesterShare, ...]
    expires_at: datetime | None

    def __post_init__(self) -> None:
        positive("epsilon", self.epsilon)
        probability("delta", self.delta)
        if self.order not in ORDERS:
            raise AllowanceInvalid(
                f"The order {self.order} is not among those that the filter uses"
            )
        for epsilon in (self.epsilon, *(share.epsilon for share in self.shares)):
            if budget_at(self.order, epsilon, self.delta) <= 0:
                raise AllowanceInvalid(
                    f"ε={epsilon} at δ={self.delta} leaves nothing to spend at order {self.order}"
                )
        names = [share.account for share in self.shares]
        if names != sorted(set(names)):
            raise AllowanceInvalid("The shares are sorted by account, and each stands once")

    @property
    def cap(self) -> Decimal:
        """The allowance as a divergence at its order."""
        return budget_at(self.order, self.epsilon, self.delta)

    def check_units(self, units: int) -> None:
        """Refuses a δ that is not below 1/n: it would allow publishing one unit whole."""
        if self.delta * units >= 1:
            raise AllowanceInvalid(
                f"δ = {self.delta} is not below 1/n with the {units} units of {self.dataset}",
                hint="Grant a smaller δ, at most a tenth of one over the number of units.",
            )

    def cap_for(self, account: AccountId) -> Decimal:
        """The lower of the dataset's cap and the account's share."""
        shares = [share.epsilon for share in self.shares if share.account == account]
        return min([self.cap, *(budget_at(self.order, one, self.delta) for one in shares)])


def allowance(
    dataset: DatasetId,
    epsilon: Decimal,
    delta: Decimal,
    *,
    order: int | None = None,
    shares: tuple[RequesterShare, ...] = (),
    expires_at: datetime | None = None,
) -> Allowance:
    """An allowance whose order is chosen from (ε, δ) unless it is given."""
    positive("epsilon", epsilon)
    probability("delta", delta)
    return Allowance(
        dataset=dataset,
        epsilon=epsilon,
        delta=delta,
        order=filter_order(epsilon, delta) if order is None else order,
        shares=tuple(sorted(shares, key=lambda share: share.account)),
        expires_at=expires_at,
    )
