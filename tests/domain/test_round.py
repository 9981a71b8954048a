"""One attempt: steps are charged before they run, and settled once."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from securefed.domain.identifiers import Name, RequestId
from securefed.domain.renyi import renyi_loss
from securefed.domain.round import Round, RoundId, RoundState, attempt_loss
from securefed.errors import NumberInvalid, TransitionInvalid
from tests.world import World, digest

ID = RoundId(request=RequestId("cr-7f3a90b1c2d4"), round=2, attempt=1)
NEW = Round(
    id=ID, state=RoundState.RESERVED, token=digest("token"), steps_asked=16, steps_charged=0
)
RUNNING = NEW.authorised(4)
CAUSE = Name("test")
COMMITTED, ABORTED = RUNNING.committed(4, ()), RUNNING.aborted(CAUSE)
REFUNDED = NEW.refunded(CAUSE)

MOVES: dict[str, Callable[[Round], Round]] = {
    "authorise steps": lambda one: one.authorised(one.steps_charged + 1),
    "commit": lambda one: one.committed(one.steps_charged, ()),
    "abort": lambda one: one.aborted(Name("test")),
    "refund": lambda one: one.refunded(Name("test")),
}
ALLOWED = {
    ("authorise steps", RoundState.RESERVED),
    ("authorise steps", RoundState.RUNNING),
    ("commit", RoundState.RUNNING),
    ("abort", RoundState.RUNNING),
    ("refund", RoundState.RESERVED),
}


@pytest.mark.parametrize("one", [NEW, RUNNING, COMMITTED, ABORTED, REFUNDED], ids=lambda o: o.state)
@pytest.mark.parametrize("act", MOVES)
def test_an_attempt_moves_forward_only(act: str, one: Round) -> None:
    if (act, one.state) in ALLOWED:
        assert MOVES[act](one) != one
        return
    with pytest.raises(TransitionInvalid, match=f"Cannot {act}: the attempt is {one.state}"):
        MOVES[act](one)


@pytest.mark.parametrize("up_to", [-1, 0, 3, 4, 17])
def test_authorised_steps_only_grow_and_stay_within_what_was_asked(up_to: int) -> None:
    with pytest.raises(TransitionInvalid, match="is not between 5 and 16"):
        RUNNING.authorised(up_to)
    assert RUNNING.authorised(16).steps_charged == 16


@pytest.mark.parametrize("steps_run", [0, 3, 5, 16])
def test_what_is_committed_is_exactly_what_was_authorised(steps_run: int) -> None:
    with pytest.raises(TransitionInvalid, match="4 were authorised"):
        RUNNING.committed(steps_run, ())


def test_an_attempt_is_open_until_it_is_settled() -> None:
    every = (NEW, RUNNING, COMMITTED, ABORTED, REFUNDED)
    assert [one.open for one in every] == [True, True, False, False, False]


def test_an_attempt_is_charged_for_its_authorised_steps_and_its_metrics() -> None:
    part = World(metrics_noise=Decimal(5)).attempt("hospital-a")
    for one in (RUNNING, COMMITTED, ABORTED):
        assert one.mechanisms(part) == (replace(part.training, steps=4), part.metrics)
        assert one.mechanisms(replace(part, metrics=None)) == (replace(part.training, steps=4),)
    assert NEW.mechanisms(part) == REFUNDED.mechanisms(part) == ()


def test_a_whole_attempt_costs_its_training_and_its_metrics() -> None:
    part = World(metrics_noise=Decimal(5)).attempt("hospital-a")
    assert part.metrics is not None
    expected = renyi_loss(part.training, 7) + renyi_loss(part.metrics, 7)
    assert attempt_loss(part, 7) == expected


def test_rounds_and_attempts_are_numbered_from_one() -> None:
    assert str(ID) == "cr-7f3a90b1c2d4 round 2 attempt 1"
    for change in ({"round": 0}, {"attempt": 0}, {"round": True}, {"attempt": -1}):
        with pytest.raises(NumberInvalid):
            replace(ID, **change)
