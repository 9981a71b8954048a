"""Connections to a site: lent to one caller at a time, and none that the site may be ending."""

import pytest
import requests

from securefed.adapters.syft_site.connections import KEPT_S, Connections


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[requests.Session]:
    """The sessions that were closed."""
    closed: list[requests.Session] = []
    monkeypatch.setattr(requests.Session, "close", lambda self: closed.append(self))
    return closed


def once(connections: Connections) -> requests.Session:
    with connections.lent() as session:
        return session


def test_one_that_was_just_used_is_used_again(ended: list[requests.Session]) -> None:
    clock = Clock()
    connections = Connections(clock)
    first = once(connections)
    clock.now = 4.0
    assert once(connections) is first
    assert not first.trust_env
    assert not ended


def test_one_that_a_site_may_be_ending_is_not(ended: list[requests.Session]) -> None:
    clock = Clock()
    connections = Connections(clock)
    first = once(connections)
    clock.now = KEPT_S - 9.0
    assert once(connections) is not first
    assert ended == [first]


def test_two_at_once_have_two(ended: list[requests.Session]) -> None:
    connections = Connections(Clock())
    with connections.lent() as one, connections.lent() as other:
        assert one is not other
    assert {id(once(connections)) for _ in range(5)} == {id(one)}
    assert not ended


def test_one_on_which_something_failed_is_not_lent_again(ended: list[requests.Session]) -> None:
    connections = Connections(Clock())
    with pytest.raises(ConnectionResetError), connections.lent() as broken:
        raise ConnectionResetError
    assert ended == [broken]
    assert once(connections) is not broken


def test_closing_ends_those_in_use_as_well(ended: list[requests.Session]) -> None:
    connections = Connections(Clock())
    idle = once(connections)
    with connections.lent() as one, connections.lent() as other:
        assert idle in (one, other)
        connections.close()
        assert set(ended) == {one, other}
    assert once(connections) not in (one, other)
