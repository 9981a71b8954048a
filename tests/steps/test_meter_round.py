"""Metering a round: the token is the only right to run, and steps are charged before they run."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from securefed.domain.identifiers import Digest, Name, RequestId, Version
from securefed.domain.privacy import GaussianRelease
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.renyi import renyi_loss
from securefed.domain.round import RoundId, RoundState
from securefed.domain.token import Execution, RunToken
from securefed.errors import (
    ApprovalMissing,
    NotFound,
    NumberInvalid,
    RunDeparted,
    TransitionInvalid,
)
from securefed.parties.site import SiteParty
from securefed.steps.meter_round import (
    RoundMeter,
    abort_round,
    authorise_steps,
    find_round,
    refund_round,
    reserve_round,
    settle_round,
)
from tests.world import ADMISSIONS, REVIEWER, World, digest


def begun(world: World) -> tuple[SiteParty, RunToken]:
    site = world.site()
    id = RoundId(request=world.approved(site), round=1, attempt=1)
    return site, reserve_round(site.ledger, id, world.entropy)


def test_the_ledger_knows_the_tokens_digest_and_never_its_secret() -> None:
    world = World()
    site, token = begun(world)
    assert find_round(site.ledger, token.id).token == token.digest
    stored = b"".join(entry.data for entry in world.stores["hospital-a"].entries())
    assert token.secret.removeprefix("sha256:").encode() not in stored


def test_a_token_says_all_that_it_allows() -> None:
    world = World(metrics_noise=Decimal(30), own_code=digest("own"))
    site, token = begun(world)
    plan = site.plan(token.id.request)
    assert token.plan == plan.digest
    assert token.execution == Execution(
        code=world.machine.machine().package_digest,
        own_code=digest("own"),
        data=world.card().data,
        engine=world.machine.machine().package,
        training=world.attempt("hospital-a").training,
        metrics=GaussianRelease(noise_multiplier=Decimal(30), releases=1),
    )
    assert from_bytes(RunToken, to_bytes(token)) == token


def test_a_meter_charges_each_block_before_its_first_step() -> None:
    world = World()
    site, token = begun(world)
    meter = RoundMeter(site.ledger, token, block=5)
    charged = []
    for step in range(1, 17):
        meter.before_step(step)
        charged.append(find_round(site.ledger, token.id).steps_charged)
    assert charged == [5] * 5 + [10] * 5 + [15] * 5 + [16]
    meter.settle(token.execution, (digest("update"),))
    assert find_round(site.ledger, token.id).state is RoundState.COMMITTED


def test_a_meter_lets_no_step_run_past_the_token() -> None:
    world = World()
    site, token = begun(world)
    meter = RoundMeter(site.ledger, token, block=16)
    meter.before_step(16)
    with pytest.raises(TransitionInvalid):
        meter.before_step(17)


def test_a_meter_needs_a_block() -> None:
    world = World()
    site, token = begun(world)
    with pytest.raises(NumberInvalid):
        RoundMeter(site.ledger, token, block=0)


DEPARTURES: dict[str, Callable[[Execution], Execution]] = {
    "training.noise_multiplier": lambda one: _training(one, noise_multiplier=Decimal("1.09")),
    "training.sampling_rate": lambda one: _training(one, sampling_rate=Decimal("0.011")),
    "training.clip": lambda one: _training(one, clip=Decimal(2)),
    "training.steps": lambda one: _training(one, steps=15),
    "code": lambda one: replace(one, code=digest("other code")),
    "own_code": lambda one: replace(one, own_code=digest("own code")),
    "data": lambda one: replace(one, data=digest("other data")),
    "engine": lambda one: replace(one, engine=Version("9.9.9")),
    "metrics": lambda one: replace(
        one, metrics=GaussianRelease(noise_multiplier=Decimal(1), releases=1)
    ),
}


def _training(one: Execution, **changes: object) -> Execution:
    return replace(one, training=replace(one.training, **changes))


@pytest.mark.parametrize("what", DEPARTURES)
def test_a_run_that_departs_from_its_token_is_aborted_charged_and_releases_nothing(
    what: str,
) -> None:
    world = World()
    site, token = begun(world)
    authorise_steps(site.ledger, token, 16)
    with pytest.raises(RunDeparted, match=what):
        settle_round(site.ledger, token, DEPARTURES[what](token.execution), (digest("update"),))
    attempt = find_round(site.ledger, token.id)
    assert (attempt.state, attempt.steps_charged) == (RoundState.ABORTED, 16)
    stored = b"".join(entry.data for entry in world.stores["hospital-a"].entries())
    assert digest("update").encode() not in stored


def test_a_run_that_declares_steps_nobody_authorised_is_not_committed() -> None:
    world = World()
    site, token = begun(world)
    authorise_steps(site.ledger, token, 10)
    with pytest.raises(TransitionInvalid, match="16 steps were run but 10 were authorised"):
        settle_round(site.ledger, token, token.execution, ())


def forged(token: RunToken, other: RunToken) -> list[RunToken]:
    """Tokens that somebody who has two of them could make up."""
    return [
        replace(other, id=token.id),
        replace(token, secret=Digest("sha256:" + "0" * 64)),
        replace(token, execution=_training(token.execution, steps=999)),
        replace(token, plan=digest("another plan")),
    ]


def test_a_forged_token_runs_settles_and_aborts_nothing() -> None:
    world = World()
    site, token = begun(world)
    second = RoundId(request=token.id.request, round=2, attempt=1)
    other = reserve_round(site.ledger, second, world.entropy)
    authorise_steps(site.ledger, token, 4)
    for wrong in forged(token, other):
        with pytest.raises(TransitionInvalid, match="token is not this attempt's"):
            authorise_steps(site.ledger, wrong, 5)
        for executed in (wrong.execution, _training(wrong.execution, steps=3)):
            with pytest.raises(TransitionInvalid, match="token is not this attempt's"):
                settle_round(site.ledger, wrong, executed, ())
    assert find_round(site.ledger, token.id).state is RoundState.RUNNING


def test_an_aborted_round_stays_charged() -> None:
    world = World()
    site, token = begun(world)
    authorise_steps(site.ledger, token, 5)
    abort_round(site.ledger, token.id, Name("out-of-memory"))
    with pytest.raises(TransitionInvalid, match="Cannot refund: the attempt is aborted"):
        refund_round(site.ledger, token.id, Name("never-began"))
    with pytest.raises(TransitionInvalid, match="Cannot authorise steps: the attempt is aborted"):
        authorise_steps(site.ledger, token, 6)
    site.revoke(token.id.request, world.acting(REVIEWER))
    book = site.register().book(ADMISSIONS)
    training = book.holds[token.id.request].request.part.training
    assert book.spent == renyi_loss(training.repeated(5), 7) > 0


def test_only_an_unused_token_is_refunded() -> None:
    world = World()
    site, token = begun(world)
    refund_round(site.ledger, token.id, Name("never-began"))
    assert find_round(site.ledger, token.id).state is RoundState.REFUNDED
    with pytest.raises(TransitionInvalid, match="the attempt is refunded"):
        authorise_steps(site.ledger, token, 1)
    again = replace(token.id, attempt=2)
    second = reserve_round(site.ledger, again, world.entropy)
    authorise_steps(site.ledger, second, 1)
    with pytest.raises(TransitionInvalid, match="Cannot refund: the attempt is running"):
        refund_round(site.ledger, again, Name("never-began"))
    with pytest.raises(TransitionInvalid, match="Cannot abort: the attempt is refunded"):
        abort_round(site.ledger, token.id, Name("x"))


def test_an_attempt_that_was_never_reserved_is_not_found() -> None:
    world = World()
    site, token = begun(world)
    with pytest.raises(TransitionInvalid, match="no such attempt"):
        authorise_steps(site.ledger, replace(token, id=replace(token.id, attempt=2)), 1)
    unknown = RoundId(request=RequestId("cr-" + "0" * 12), round=1, attempt=1)
    with pytest.raises(NotFound):
        reserve_round(site.ledger, unknown, world.entropy)


def test_what_is_not_approved_gets_no_token() -> None:
    world = World()
    site = world.site()
    id = RoundId(request=world.file(site), round=1, attempt=1)
    with pytest.raises(ApprovalMissing):
        reserve_round(site.ledger, id, world.entropy)
