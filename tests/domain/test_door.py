"""The door's decisions: what is not named is refused, and nobody goes faster than the pace."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.door import (
    CALL_PATH,
    CALLER_ROLE,
    ROUTES,
    SERVICES,
    Call,
    Pace,
    Reason,
    paced,
    refused_call,
    refused_caller,
    refused_route,
    refused_size,
)

CALL = Call(service="code.call", blocking=True, site="a", types=frozenset({"str", "UID"}))


def reason(**changed: object) -> Reason | None:
    refusal = refused_call(replace(CALL, **changed), "a")
    return None if refusal is None else refusal.reason


def test_each_thing_that_is_not_named_is_refused() -> None:
    assert reason() is None
    assert reason(blocking=False) is Reason.NOT_BLOCKING
    assert reason(site="b") is Reason.OTHER_SITE
    assert reason(service="user.get_all") is Reason.SERVICE
    assert reason(service="code.call ") is Reason.SERVICE
    assert reason(types=frozenset({"str", "DataFrame"})) is Reason.FORM


@pytest.mark.parametrize("role", [None, "", "owner", "guest", "Data-Scientist"])
def test_only_data_scientists_call(role: str | None) -> None:
    assert refused_caller(role) is not None
    assert refused_caller(CALLER_ROLE) is None


def test_a_path_answers_to_its_method_and_up_to_its_size() -> None:
    for (method, path), largest in ROUTES.items():
        assert refused_route(method, path) is None
        assert refused_size(method, path, largest) is None
        assert refused_size(method, path, largest + 1) is not None
    assert refused_route("GET", CALL_PATH) is not None
    assert refused_route("post", CALL_PATH) is not None


def test_no_service_lets_a_caller_read_the_machine_or_change_accounts() -> None:
    words = ("env", "user.create", "user.update", "settings", "network", "request.apply", "worker")
    assert not [name for name in SERVICES for word in words if word in name]


@given(st.lists(st.floats(0, 10), max_size=60), st.integers(1, 5), st.floats(0.1, 5))
def test_over_any_time_no_more_pass_than_the_pace_allows(
    pauses: list[float], at_once: int, each_second: float
) -> None:
    pace = Pace(each_second=each_second, at_once=at_once)
    now, passed, left = 0.0, 0, None
    for pause in pauses:
        now += pause
        found = paced(left, now, pace)
        if found is not None:
            passed, left = passed + 1, found
    assert passed <= at_once + now * each_second + 1e-6
