"""A code request: named by its bytes, bound to its study's lifetime, and moved forward only."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given

from securefed.domain.identifiers import AccountId, SiteId
from securefed.domain.request import CodeRequest, RequestState, moved
from securefed.errors import ConfigInvalid, TransitionInvalid
from tests.domain.strategies import code_requests
from tests.world import ADMISSIONS, World

REQUEST = World().request().request
FORWARD = {
    (RequestState.PENDING, RequestState.APPROVED),
    (RequestState.PENDING, RequestState.DENIED),
    (RequestState.PENDING, RequestState.EXPIRED),
    (RequestState.APPROVED, RequestState.REVOKED),
    (RequestState.APPROVED, RequestState.EXPIRED),
    (RequestState.APPROVED, RequestState.COMPLETED),
}


@given(code_requests())
def test_a_name_begins_the_digest(request_: CodeRequest) -> None:
    assert request_.request == "cr-" + request_.digest.removeprefix("sha256:")[:12]


def test_any_change_gives_another_name() -> None:
    later = timedelta(seconds=1)
    others = [
        replace(REQUEST, site=SiteId("hospital-b")),
        replace(REQUEST, requester=AccountId("dimitri")),
        replace(REQUEST, filed_at=REQUEST.filed_at + later),
        replace(REQUEST, expires_at=REQUEST.expires_at - later),
        replace(REQUEST, study=replace(REQUEST.study, rounds=6)),
    ]
    assert len({one.request for one in (REQUEST, *others)}) == 6


def test_what_is_asked_of_the_site_is_its_part_of_the_study() -> None:
    assert REQUEST.part.site == "hospital-a"
    assert REQUEST.dataset == ADMISSIONS
    assert [one.times for one in REQUEST.whole] == [
        REQUEST.study.rounds * REQUEST.part.training.steps
    ]


def test_a_request_to_a_site_outside_the_study_does_not_exist() -> None:
    with pytest.raises(ConfigInvalid, match="does not name"):
        replace(REQUEST, site=SiteId("hospital-x"))


@pytest.mark.parametrize(
    "lifetime", [timedelta(0), timedelta(seconds=-1), timedelta(days=7, seconds=1)]
)
def test_a_request_lives_for_some_time_and_no_longer_than_its_study_says(
    lifetime: timedelta,
) -> None:
    with pytest.raises(ConfigInvalid):
        replace(REQUEST, expires_at=REQUEST.filed_at + lifetime)


@pytest.mark.parametrize("to", RequestState)
@pytest.mark.parametrize("now", RequestState)
def test_a_request_moves_forward_only(now: RequestState, to: RequestState) -> None:
    if (now, to) in FORWARD:
        assert moved(now, to) is to
        return
    with pytest.raises(TransitionInvalid, match=f"is {now} cannot become {to}"):
        moved(now, to)


def test_what_is_decided_against_or_over_is_closed() -> None:
    still_open = {RequestState.PENDING, RequestState.APPROVED}
    assert {state for state in RequestState if not state.closed} == still_open
