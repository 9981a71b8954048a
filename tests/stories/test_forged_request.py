"""A request is not what its author signed, or is used for more than was asked."""

from dataclasses import replace
from decimal import Decimal

import pytest

from securefed.domain.decision import Approval
from securefed.domain.event import Decided
from securefed.domain.records import to_bytes
from securefed.domain.request import CodeRequest, RequestState
from securefed.errors import (
    AlreadyExists,
    ConfigInvalid,
    NotAllowedHere,
    PlanStale,
    SecurefedError,
    SignatureInvalid,
)
from securefed.parties.site import SiteParty
from securefed.steps.prepare_site import suspend_account
from tests.forge import decided
from tests.snapshots import picture
from tests.world import OTHER_SCIENTIST, REVIEWER, SCIENTIST, SECOND_REVIEWER, World, digest


def test_a_request_changed_after_signing_is_not_filed() -> None:
    world = World()
    site = world.site()
    signed = world.request()
    request = signed.request
    study = request.study
    part = replace(
        study.participants[0],
        training=replace(study.participants[0].training, noise_multiplier=Decimal("0.6")),
    )
    changes: list[CodeRequest] = [
        replace(request, study=replace(study, rounds=6)),
        replace(request, study=replace(study, participants=(part, *study.participants[1:]))),
        replace(request, requester=OTHER_SCIENTIST),
        replace(request, requester_key=world.signer(OTHER_SCIENTIST).key),
        replace(request, expires_at=request.filed_at.replace(hour=23)),
    ]
    before = picture(site.register())
    for changed in changes:
        with pytest.raises(SignatureInvalid, match="not signed by"):
            site.receive(replace(signed, request=changed))
    assert picture(site.register()) == before
    site.receive(signed)


def test_a_request_signed_by_another_key_is_not_filed() -> None:
    world = World()
    site = world.site()
    other = world.request(by=OTHER_SCIENTIST)
    in_danas_name = replace(other.request, requester=SCIENTIST)
    for request in (
        in_danas_name,
        replace(in_danas_name, requester_key=world.signer(SCIENTIST).key),
    ):
        with pytest.raises(SignatureInvalid):
            site.receive(replace(other, request=request))


def test_an_approval_signature_is_no_request_signature() -> None:
    """The kind of document is under the signature, so one signature never counts for two."""
    world = World()
    site = world.site()
    signed = world.request()
    signature = world.signer(SCIENTIST).sign(b"securefed/v1/decision\n" + to_bytes(signed.request))
    with pytest.raises(SignatureInvalid):
        site.receive(replace(signed, signature=signature))


def test_a_request_meant_for_one_site_is_not_filed_at_another() -> None:
    world = World()
    site = world.site()
    with pytest.raises(SignatureInvalid, match="filed for hospital-b"):
        site.receive(world.request("hospital-b"))


def test_a_name_is_used_once_even_after_the_request_is_closed() -> None:
    world = World()
    site = world.site()
    signed = world.request()
    site.receive(signed)
    with pytest.raises(AlreadyExists, match="filed already"):
        site.receive(signed)
    site.deny(signed.request.request, world.acting(REVIEWER))
    with pytest.raises(AlreadyExists, match="filed already"):
        site.receive(signed)


def test_a_request_does_not_outlive_what_its_study_says() -> None:
    request = World().request().request
    with pytest.raises(ConfigInvalid, match="live 7 days at most"):
        replace(request, expires_at=request.expires_at.replace(year=2099))


def test_a_suspended_scientist_files_nothing_and_their_pending_request_is_not_approved() -> None:
    world = World()
    site = world.site()
    request = world.file(site)
    suspend_account(site.ledger, SCIENTIST, world.acting())
    world.rounds = 2
    with pytest.raises(NotAllowedHere, match="dana is suspended"):
        world.file(site)
    with pytest.raises(NotAllowedHere, match="dana is suspended"):
        site.approve(request, site.plan(request).digest, world.acting(REVIEWER))


# --- approvals used again ------------------------------------------------------------------------


def recorded_approval(site: SiteParty) -> Decided:
    event = site.ledger.history(1)[0].event
    assert isinstance(event, Decided)
    assert isinstance(event.decided.decision, Approval)
    return event


def test_an_approval_is_not_replayed_on_the_same_or_another_request() -> None:
    world = World(own_code=digest("code"))
    site = world.site()
    first, second = world.file(site), world.file(site, OTHER_SCIENTIST)
    site.approve(first, site.plan(first).digest, world.acting(REVIEWER))
    approval = recorded_approval(site)
    with pytest.raises(AlreadyExists, match="has approved this plan already"):
        site.ledger.record(approval)
    moved = replace(approval.decided.decision, request=second)
    with pytest.raises(SignatureInvalid):
        site.ledger.record(Decided(decided=replace(approval.decided, decision=moved)))
    with pytest.raises(PlanStale, match="not that of its plan for this request"):
        site.ledger.record(decided(world, REVIEWER, moved))
    other_name = replace(approval.decided.decision, by=SECOND_REVIEWER)
    with pytest.raises(SignatureInvalid):
        site.ledger.record(Decided(decided=replace(approval.decided, decision=other_name)))
    assert site.register().request(first).state is RequestState.PENDING


def test_an_approval_does_not_bring_a_revoked_request_back() -> None:
    world = World()
    site = world.site()
    request = world.approved(site)
    approval = recorded_approval(site)
    for _ in range(2):
        with pytest.raises(SecurefedError):
            site.ledger.record(approval)
    site.revoke(request, world.acting(REVIEWER))
    with pytest.raises(SecurefedError, match="is revoked"):
        site.ledger.record(approval)


def test_an_approval_made_for_one_site_does_not_count_at_another() -> None:
    world = World()
    here, there = world.site(), world.site("hospital-b")
    world.approved(here)
    approval = recorded_approval(here)
    with pytest.raises(SignatureInvalid, match="made for hospital-a"):
        there.ledger.record(approval)
