"""A person asks and approves in one. A site where that worked would have no review at all."""

from dataclasses import replace

import pytest

from securefed.domain.decision import AccountAdmission
from securefed.domain.identifiers import AccountId, Line, SiteId
from securefed.domain.request import RequestState
from securefed.domain.site import Account, Role
from securefed.errors import AlreadyExists, NotAllowedHere, SignatureInvalid
from securefed.steps.prepare_site import admit_account
from tests.forge import decided
from tests.world import OWNER, REVIEWER, SCIENTIST, World

EVERYTHING = (Role.OWNER, Role.REVIEWER, Role.SCIENTIST)
BOSS = AccountId("boris")


def test_an_account_with_every_role_does_not_approve_its_own_request() -> None:
    world = World()
    site = world.site()
    admit_account(site.ledger, world.account(BOSS, *EVERYTHING), world.acting())
    request = world.file(site, BOSS)
    plan = site.plan(request)
    with pytest.raises(NotAllowedHere, match="never approves a request of their own"):
        site.approve(request, plan.digest, world.acting(BOSS))
    assert site.register().request(request).state is RequestState.PENDING
    site.approve(request, plan.digest, world.acting(REVIEWER))


def test_the_same_key_does_not_get_a_second_account() -> None:
    world = World()
    site = world.site()
    twin = Account(
        account=AccountId("dana-2"), key=world.signer(SCIENTIST).key, roles=(Role.REVIEWER,)
    )
    with pytest.raises(AlreadyExists, match="Another account has this key"):
        admit_account(site.ledger, twin, world.acting())


def test_a_scientist_cannot_sign_in_a_reviewers_name() -> None:
    world = World()
    site = world.site()
    request = world.file(site)
    acting = replace(world.acting(REVIEWER), signer=world.signer(SCIENTIST))
    with pytest.raises(SignatureInvalid, match="not signed by ravi"):
        site.approve(request, site.plan(request).digest, acting)
    assert not site.register().request(request).approvals


def test_a_reviewer_does_not_make_themself_an_owner() -> None:
    world = World()
    site = world.site()
    promotion = AccountAdmission(
        site=SiteId("hospital-a"),
        by=REVIEWER,
        at=site.ledger.now(),
        reason=Line("I need it"),
        account=world.account(BOSS, Role.OWNER),
    )
    with pytest.raises(NotAllowedHere, match="may not make a decision"):
        site.ledger.record(decided(world, REVIEWER, promotion))
    in_the_owners_name = replace(promotion, by=OWNER)
    with pytest.raises(SignatureInvalid):
        site.ledger.record(decided(world, REVIEWER, in_the_owners_name))
    assert site.register().owners() == [OWNER]
