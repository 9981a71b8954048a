"""What one approved request may still cost, and what its attempts have cost.

While the request is open the whole reservation counts, used or not. Once it is closed, what its
attempts were charged counts, and nothing else.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from securefed.domain.privacy import Mechanism, gathered
from securefed.domain.renyi import total_at
from securefed.domain.request import CodeRequest
from securefed.domain.round import Round, RoundId, RoundState


@dataclass
class Hold:
    """What an approved request may still cost, and what its attempts have cost."""

    request: CodeRequest
    reserved: Decimal
    order: int
    rounds: dict[RoundId, Round] = field(default_factory=dict)
    closed: bool = False

    @property
    def charged(self) -> Decimal:
        """What the attempts so far are charged with."""
        return total_at(self.executed, self.order)

    @property
    def counted(self) -> Decimal:
        """What the budget counts: the whole reservation while open, the charges once closed."""
        return self.charged if self.closed else self.reserved

    @property
    def executed(self) -> tuple[Mechanism, ...]:
        """The mechanisms that ran, or may have."""
        alike: dict[tuple[RoundState, int], list[Round]] = {}
        for attempt in self.rounds.values():
            alike.setdefault((attempt.state, attempt.steps_charged), []).append(attempt)
        part = self.request.part
        return gathered(
            tuple(
                one.repeated(one.times * len(attempts))
                for attempts in alike.values()
                for one in attempts[0].mechanisms(part)
            )
        )

    @property
    def counted_mechanisms(self) -> tuple[Mechanism, ...]:
        """What `counted` is the divergence of."""
        return self.executed if self.closed else self.request.whole

    @property
    def rounds_committed(self) -> int:
        """How many of the request's rounds are finished."""
        return len(
            {id.round for id, one in self.rounds.items() if one.state is RoundState.COMMITTED}
        )

    def attempts_left(self) -> int:
        """How many further attempts the approval covers; refunded ones do not count."""
        used = [one for one in self.rounds.values() if one.state is not RoundState.REFUNDED]
        return self.request.study.attempts - len(used)
