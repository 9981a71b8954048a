"""Rounds run while the process dies at any write; no step runs uncharged, and nothing is overspent.

A trainer runs its steps only after `before_step` returned, and remembers them for good: that is
what somebody outside may have seen. After each crash a fresh process settles what is open. Whatever
was run must then be charged, and spent plus reserved must stay within the grant.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from securefed.domain.hold import Hold
from securefed.domain.identifiers import RequestId
from securefed.domain.renyi import total_at
from securefed.domain.round import RoundId, RoundState
from securefed.errors import SecurefedError
from securefed.parties.site import SiteParty
from securefed.steps.meter_round import RoundMeter, reserve_round
from securefed.steps.settle_budget import close_ended, settle_after_crash
from tests.ledger.crashing_store import Crash, CrashingStore, Moment
from tests.world import ADMISSIONS, REVIEWER, World, digest

pytestmark = pytest.mark.slow

moments = st.sampled_from([None] * 9 + list(Moment))
STEPS = 8


class Crashes(RuleBasedStateMachine):
    """A site whose process does not live long."""

    @initialize(metered=st.booleans())
    def found(self, metered: bool) -> None:
        noise = Decimal(9) if metered else None
        self.world = World(rounds=3, spare=1, steps=STEPS, metrics_noise=noise)
        self.world.site()
        self.store = CrashingStore(self.world.stores["hospital-a"])
        self.ran: dict[RoundId, int] = {}
        self.released: set[RoundId] = set()
        self.studies = 0
        self.restart()

    @rule(axe=moments)
    def ask_and_approve(self, axe: Moment | None) -> None:
        self.studies += 1
        self.world.study = f"study-{self.studies}"
        self.dying(None, lambda: self.world.file(self.site))
        pending = [
            name
            for name, filed in self.site.register().requests.items()
            if not filed.state.closed and not filed.approved_plan
        ]
        for name in pending[-1:]:
            plan = self.site.plan(name)
            by = self.world.acting(REVIEWER)
            self.dying(axe, partial(self.site.approve, name, plan.digest, by))

    @rule(
        pick=st.integers(0, 5),
        round_=st.integers(1, 3),
        block=st.integers(1, 5),
        stop=st.sampled_from([STEPS] * 4 + [0, 3]),
        axes=st.lists(moments, min_size=1, max_size=12),
    )
    def train(
        self, pick: int, round_: int, block: int, stop: int, axes: list[Moment | None]
    ) -> None:
        """A whole attempt, with an axe for each of its writes."""
        holds = [hold for hold in self.holds().values() if not hold.closed]
        if not holds:
            return
        hold = holds[pick % len(holds)]
        number = sum(id.round == round_ for id in hold.rounds) + 1
        id = RoundId(request=hold.request.request, round=round_, attempt=number)
        self.dying(axes[0], lambda: self.run(id, block, stop, axes[1:]))

    @rule(axe=moments, pick=st.integers(0, 5), really=st.sampled_from([False, False, True]))
    def revoke(self, axe: Moment | None, pick: int, really: bool) -> None:
        requests: list[RequestId] = list(self.holds())
        if requests and really:
            request, by = requests[pick % len(requests)], self.world.acting(REVIEWER)
            self.dying(axe, lambda: self.site.revoke(request, by))

    @rule(axe=moments, hours=st.sampled_from([1, 2, 5, 100]))
    def let_time_pass(self, axe: Moment | None, hours: int) -> None:
        self.world.wait(hours=hours)
        self.dying(axe, lambda: close_ended(self.site.ledger))

    @rule(axe=moments)
    def settle(self, axe: Moment | None) -> None:
        self.dying(axe, lambda: settle_after_crash(self.site.ledger))

    # --- what always holds ----------------------------------------------------------------------

    @invariant()
    def no_step_ran_uncharged(self) -> None:
        for id, steps in self.ran.items():
            attempt = self.holds()[id.request].rounds[id]
            assert attempt.steps_charged >= steps
            assert attempt.state is not RoundState.REFUNDED or steps == 0

    @invariant()
    def spent_and_reserved_stay_within_the_grant(self) -> None:
        book = self.site.ledger.register().book(ADMISSIONS)
        assert book.spent + book.reserved == book.counted <= book.granted().cap
        for hold in book.holds.values():
            assert total_at(hold.executed, hold.order) <= hold.reserved

    @invariant()
    def only_committed_attempts_released_anything(self) -> None:
        for id in self.released:
            assert self.holds()[id.request].rounds[id].state is RoundState.COMMITTED

    # --- how it dies ----------------------------------------------------------------------------

    def run(self, id: RoundId, block: int, stop: int, axes: list[Moment | None]) -> None:
        token = reserve_round(self.site.ledger, id, self.world.entropy)
        self.ran[id] = 0
        meter = RoundMeter(self.site.ledger, token, block)
        for step in range(1, stop + 1):
            self.store.axe = axes.pop(0) if axes else None
            meter.before_step(step)
            self.ran[id] = step
        self.store.axe = axes.pop(0) if axes else None
        meter.settle(token.execution, (digest("update"),))
        self.released.add(id)

    def dying(self, axe: Moment | None, act: Callable[[], object]) -> None:
        """An act that may be refused, or be the process's last."""
        self.store.axe = axe
        try:
            act()
        except SecurefedError:
            self.store.axe = None
        except Crash:
            self.restart()
            settle_after_crash(self.site.ledger)
        self.store.axe = None

    def restart(self) -> None:
        self.site: SiteParty = self.world.reopened(store=self.store)

    def holds(self) -> dict[RequestId, Hold]:
        return self.site.ledger.register().book(ADMISSIONS).holds


Crashes.TestCase.settings = settings(max_examples=60, stateful_step_count=25)
TestCrashes = Crashes.TestCase
