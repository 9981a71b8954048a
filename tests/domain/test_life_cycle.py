"""A site lives through anything in any order, and never spends what it does not have.

Hypothesis drives a site: people file, approve, deny, revoke and grant; runners reserve, run,
commit, abort and misuse tokens; time passes; the process crashes. After every act a second set of
books (`bookkeeping`) must agree with the site's, and a fresh replay of the store with the register.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from securefed.domain.allowance import RequesterShare
from securefed.domain.identifiers import AccountId, Name, RequestId
from securefed.domain.register import Register
from securefed.domain.replay import replay
from securefed.domain.request import RequestState
from securefed.domain.round import RoundId, RoundState
from securefed.domain.token import RunToken
from securefed.errors import SecurefedError
from securefed.parties.site import SiteParty
from securefed.steps.meter_round import (
    abort_round,
    authorise_steps,
    commit_round,
    refund_round,
    reserve_round,
)
from securefed.steps.prepare_site import AllowanceAsked, grant_allowance
from securefed.steps.settle_budget import settle_after_crash
from tests.domain.bookkeeping import Attempt, Promise, SecondBooks
from tests.forge import stored_entries
from tests.snapshots import picture
from tests.world import (
    ADMISSIONS,
    OTHER_SCIENTIST,
    REVIEWER,
    SCIENTIST,
    SECOND_REVIEWER,
    World,
    digest,
)

pytestmark = pytest.mark.slow

CAUSE = Name("test")
people = st.sampled_from([SCIENTIST, OTHER_SCIENTIST])
reviewers = st.sampled_from([REVIEWER, SECOND_REVIEWER, REVIEWER, SECOND_REVIEWER, SCIENTIST])
seldom = st.sampled_from([False, False, False, True])
picks = st.integers(0, 20)


class SiteLife(RuleBasedStateMachine):
    """One site, its people, its runners, and somebody else's books."""

    @initialize(metered=st.booleans(), rounds=st.integers(1, 3))
    def found(self, metered: bool, rounds: int) -> None:
        """A site whose allowance is enough for a few small requests; the first is approved."""
        self.world = World(steps=4, valid_days=3, noise=Decimal("1.1"), rate=Decimal("0.04"))
        self.world.metrics_noise = Decimal(12) if metered else None
        self.site: SiteParty = self.world.site()
        self.books = SecondBooks()
        self.filed = self.replayed = 0
        self.file(SCIENTIST, rounds, 1, own=False)
        self.approve(0, REVIEWER)
        self.reserve(0, 1, again=False)
        assert self.books.tokens()

    # --- people -----------------------------------------------------------------------------

    @rule(by=people, rounds=st.integers(1, 6), spare=st.integers(0, 2), own=seldom)
    def file(self, by: AccountId, rounds: int, spare: int, own: bool) -> None:
        self.filed += 1
        world = self.world
        world.study, world.rounds, world.spare = f"study-{self.filed}", rounds, spare
        world.own_code = digest("code") if own else None
        self.attempt(lambda: self.site.receive(world.request(by=by)))

    @rule(pick=picks, by=reviewers)
    def approve(self, pick: int, by: AccountId) -> None:
        request = self.some_request(pick)
        if request is None:
            return

        def act() -> None:
            plan = self.site.plan(request)
            self.site.approve(request, plan.digest, self.world.acting(by))

        if self.attempt(act):
            self.note_approval(request)

    @rule(pick=picks, by=reviewers)
    def deny(self, pick: int, by: AccountId) -> None:
        request = self.some_request(pick)
        if request is not None:
            self.attempt(lambda: self.site.deny(request, self.world.acting(by)))

    @rule(pick=picks, by=reviewers)
    def revoke(self, pick: int, by: AccountId) -> None:
        request = self.some_request(pick)
        if request is not None:
            act = self.attempt(lambda: self.site.revoke(request, self.world.acting(by)))
            if act:
                self.books.promises[request].open = False

    @rule(
        epsilon=st.decimals("1.9", "4", places=2),
        share=st.none() | st.decimals("1.9", "3", places=2),
        days=st.none() | st.integers(2, 9),
    )
    def grant(self, epsilon: Decimal, share: Decimal | None, days: int | None) -> None:
        shares = () if share is None else (RequesterShare(account=SCIENTIST, epsilon=share),)
        asked = AllowanceAsked(
            dataset=ADMISSIONS,
            epsilon=epsilon,
            delta=self.world.delta,
            shares=shares,
            valid_days=days,
        )
        self.attempt(lambda: grant_allowance(self.site.ledger, asked, self.world.acting()))

    # --- runners ----------------------------------------------------------------------------

    @rule(
        pick=picks,
        round_=st.integers(1, 3),
        blocks=st.lists(st.integers(1, 2), max_size=3),
        end=st.sampled_from(["commit", "commit", "abort", "refund", "leave open", "crash"]),
    )
    def run_round(self, pick: int, round_: int, blocks: list[int], end: str) -> None:
        """A runner at work: what is refused on the way is refused, and it goes on regardless."""
        self.reserve(pick, round_, again=False)
        for more in blocks:
            self.authorise(0, more, other=False)
        match end:
            case "commit":
                self.commit(0, 0, other=False)
            case "abort":
                self.abort(0)
            case "refund":
                self.refund(0)
            case "crash":
                self.crash()

    @rule(pick=picks, round_=st.integers(1, 4), again=seldom)
    def reserve(self, pick: int, round_: int, again: bool) -> None:
        request = list(self.books.promises)[pick % len(self.books.promises)]
        known = self.books.promises[request].attempts
        attempt = sum(id.round == round_ for id in known) + (not again)
        id = RoundId(request=request, round=round_, attempt=max(1, attempt))
        tokens: list[RunToken] = []
        if self.attempt(
            lambda: tokens.append(reserve_round(self.site.ledger, id, self.world.entropy))
        ):
            assert id not in self.books.promises[request].attempts
            self.books.promises[request].attempts[id] = Attempt(token=tokens[0])

    @rule(pick=picks, more=st.integers(-1, 4), other=seldom)
    def authorise(self, pick: int, more: int, other: bool) -> None:
        id, found = self.books.some_token(pick, other)
        token = replace(found, id=id)
        up_to = self.books.promises[id.request].attempts[id].steps + more
        if self.attempt(lambda: authorise_steps(self.site.ledger, token, up_to)):
            mine = self.books.promises[id.request].attempts[id]
            assert found == mine.token
            assert mine.steps < up_to <= self.world.steps
            assert not mine.over
            mine.steps = up_to

    @rule(pick=picks, off=st.sampled_from([0, 0, 0, 1, -1]), other=seldom)
    def commit(self, pick: int, off: int, other: bool) -> None:
        id, found = self.books.some_token(pick, other)
        token = replace(found, id=id)
        mine = self.books.promises[id.request].attempts[id]
        ran = mine.steps + off
        if self.attempt(lambda: commit_round(self.site.ledger, token, ran, ())):
            assert (found, ran) == (mine.token, mine.steps)
            self.settle(id, "committed")

    @rule(pick=picks)
    def abort(self, pick: int) -> None:
        id, _ = self.books.some_token(pick, other=False)
        if self.attempt(lambda: abort_round(self.site.ledger, id, CAUSE)):
            self.settle(id, "aborted")

    @rule(pick=picks)
    def refund(self, pick: int) -> None:
        id, _ = self.books.some_token(pick, other=False)
        if self.attempt(lambda: refund_round(self.site.ledger, id, CAUSE)):
            assert self.books.promises[id.request].attempts[id].steps == 0
            self.settle(id, "refunded")

    # --- time and crashes -------------------------------------------------------------------

    @rule(hours=st.sampled_from([1, 1, 5, 30, 80]))
    def wait(self, hours: int) -> None:
        self.world.wait(hours=hours)

    @rule()
    def look(self) -> None:
        self.attempt(self.site.register)
        self.note_closed()

    @rule()
    def crash(self) -> None:
        self.site = self.world.reopened()
        settle_after_crash(self.site.ledger)
        for promise in self.books.open_ones():
            for attempt in promise.attempts.values():
                attempt.over = attempt.over or ("aborted" if attempt.steps else "refunded")

    # --- what always holds ------------------------------------------------------------------

    @invariant()
    def nothing_passes_the_cap(self) -> None:
        book = self.register().book(ADMISSIONS)
        cap = book.granted().cap
        assert self.books.spent() + self.books.reserved() <= cap
        assert book.counted <= cap
        for account in (SCIENTIST, OTHER_SCIENTIST):
            assert self.books.of_account(account) <= book.granted().cap_for(account)

    @invariant()
    def both_sets_of_books_agree(self) -> None:
        book = self.register().book(ADMISSIONS)
        assert book.spent == self.books.spent()
        assert book.reserved == self.books.reserved()
        for account in (SCIENTIST, OTHER_SCIENTIST):
            assert book.counted_for(account) == self.books.of_account(account)

    @invariant()
    def every_authorised_step_is_charged_and_no_refunded_attempt_has_any(self) -> None:
        holds = self.register().book(ADMISSIONS).holds
        assert set(holds) == set(self.books.promises)
        for name, promise in self.books.promises.items():
            assert set(holds[name].rounds) == set(promise.attempts)
            for id, mine in promise.attempts.items():
                theirs = holds[name].rounds[id]
                assert theirs.steps_charged == mine.steps
                assert theirs.state is not RoundState.REFUNDED or mine.steps == 0
                assert not mine.over or theirs.state == mine.over

    @invariant()
    def no_promise_is_exceeded(self) -> None:
        for promise in self.books.promises.values():
            assert promise.ran() <= promise.reserved()
            study = promise.request.study
            used = [one for one in promise.attempts.values() if one.over != "refunded"]
            assert not promise.open or len(used) <= study.attempts
            rounds = [id.round for id, one in promise.attempts.items() if one.over == "committed"]
            assert len(set(rounds)) == len(rounds)

    @invariant()
    def a_fresh_replay_agrees(self) -> None:
        head = self.register().head
        if head.size == self.replayed:
            return
        fresh = Register(self.world.keys.verify)
        replay(fresh, stored_entries(self.world))
        assert picture(fresh) == picture(self.register())
        self.replayed = head.size

    # --- helpers ----------------------------------------------------------------------------

    def register(self) -> Register:
        return self.site.ledger.register()

    def attempt(self, act: Callable[[], object]) -> bool:
        """Whether an act was done; one that was refused leaves everything as it was."""
        self.attempt_closings()
        before, entries = picture(self.register()), stored_entries(self.world)
        try:
            act()
        except SecurefedError:
            assert picture(self.register()) == before
            assert stored_entries(self.world) == entries
            return False
        return True

    def attempt_closings(self) -> None:
        """What has ended is closed first, as every command does."""
        self.site.register()
        self.note_closed()

    def note_closed(self) -> None:
        for name, promise in self.books.promises.items():
            if self.register().request(name).state.closed:
                promise.open = False

    def note_approval(self, request: RequestId) -> None:
        filed = self.register().request(request)
        needed = 2 if filed.signed.request.study.recipe.own_code else 1
        assert len(filed.approvals) <= needed
        assert (filed.state is RequestState.APPROVED) is (len(filed.approvals) == needed)
        if filed.state is RequestState.APPROVED:
            order = self.register().book(ADMISSIONS).granted().order
            self.books.promises[request] = Promise(request=filed.signed.request, order=order)

    def settle(self, id: RoundId, how: str) -> None:
        mine = self.books.promises[id.request].attempts[id]
        assert not mine.over
        mine.over = how

    def some_request(self, pick: int) -> RequestId | None:
        known = list(self.register().requests)
        return known[pick % len(known)] if known else None


SiteLife.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestSiteLife = SiteLife.TestCase
