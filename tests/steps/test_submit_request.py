"""Asking a site: the request lives as long as its study says and is signed by its author."""

from datetime import timedelta

from securefed.domain.canonical import prefixed
from securefed.domain.records import to_bytes
from securefed.domain.request import REQUEST_KIND, RequestState
from securefed.steps.submit_request import file_request
from tests.world import SCIENTIST, START, World


def test_a_request_is_written_for_one_site_and_signed() -> None:
    world = World(valid_days=3)
    signed = world.request("hospital-b")
    request = signed.request
    assert (request.site, request.requester) == ("hospital-b", SCIENTIST)
    assert (request.filed_at, request.expires_at) == (START, START + timedelta(days=3))
    assert request.requester_key == world.signer(SCIENTIST).key
    data = prefixed(REQUEST_KIND, to_bytes(request))
    assert world.keys.verify(request.requester_key, data, signed.signature)


def test_a_filed_request_waits_for_a_decision() -> None:
    world = World()
    site = world.site()
    signed = world.request()
    entry = file_request(site.ledger, signed)
    filed = site.register().request(signed.request.request)
    assert filed.signed == signed
    assert filed.state is RequestState.PENDING
    assert entry.at == START
