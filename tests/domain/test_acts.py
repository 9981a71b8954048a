"""What events may do: who has authority for what, and what is refused without a trace."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from securefed.domain import decision as made
from securefed.domain import rules as every
from securefed.domain.allowance import allowance
from securefed.domain.event import RequestClosed, RequestFiled, RoundReserved
from securefed.domain.identifiers import AccountId, DatasetId, Name, RequestId, SiteId
from securefed.domain.policy import Policy
from securefed.domain.privacy import Adjacency, PrivacyUnit
from securefed.domain.request import RequestState
from securefed.domain.round import RoundId
from securefed.domain.site import Account, Role
from securefed.errors import (
    AllowanceInvalid,
    AlreadyExists,
    ApprovalExpired,
    ApprovalMissing,
    ApprovalWithdrawn,
    ConfigInvalid,
    NotAllowedHere,
    NotFound,
    NotInThisState,
    SignatureInvalid,
    TransitionInvalid,
)
from securefed.steps.prepare_site import AllowanceAsked, grant_allowance, register_data
from securefed.steps.review_request import Reviewing, review_request
from securefed.steps.submit_request import write_request
from tests.domain.stage import Stage
from tests.world import (
    ADMISSIONS,
    OTHER_SCIENTIST,
    OWNER,
    REVIEWER,
    SCIENTIST,
    SECOND_REVIEWER,
    World,
    digest,
)

NEW = AccountId("nora")


def as_by(stage: Stage, by: AccountId) -> dict[type[made.Decision], made.Decision]:
    """One decision of each kind, made by an account."""
    world, head = stage.world, stage.header(by)
    request = world.file(stage.site)
    key = world.signer(NEW).key
    return {
        made.Denial: made.Denial(**head, request=request),
        made.Revocation: made.Revocation(**head, request=request),
        made.AllowanceGrant: made.AllowanceGrant(
            **head, allowance=allowance(ADMISSIONS, Decimal(4), world.delta)
        ),
        made.PolicyAdoption: made.PolicyAdoption(
            **head, policy=Policy(name=Name("empty"), rules=())
        ),
        made.AccountAdmission: made.AccountAdmission(
            **head, account=Account(account=NEW, key=key, roles=(Role.OWNER,))
        ),
        made.AccountSuspension: made.AccountSuspension(**head, account=OTHER_SCIENTIST),
        made.DataRegistration: made.DataRegistration(**head, card=world.card(version=2)),
        made.DataErasure: made.DataErasure(**head, dataset=ADMISSIONS, version=1),
        made.SitePause: made.SitePause(**head),
    }


OWNERS_ONLY = [
    made.AllowanceGrant,
    made.PolicyAdoption,
    made.AccountAdmission,
    made.AccountSuspension,
    made.DataRegistration,
    made.DataErasure,
    made.SitePause,
]


@pytest.mark.parametrize("kind", OWNERS_ONLY, ids=lambda kind: kind.kind)
@pytest.mark.parametrize("by", [REVIEWER, SCIENTIST])
def test_setting_up_a_site_is_for_its_owners(by: AccountId, kind: type[made.Decision]) -> None:
    stage = Stage()
    decision = as_by(stage, by)[kind]
    stage.refuse(
        NotAllowedHere, "may not make a decision of kind", lambda: stage.decide(by, decision)
    )
    stage.decide(OWNER, replace(decision, by=OWNER))


@pytest.mark.parametrize("kind", [made.Denial, made.Revocation], ids=lambda kind: kind.kind)
def test_saying_no_is_for_owners_and_reviewers(kind: type[made.Decision]) -> None:
    stage = Stage()
    decision = as_by(stage, SCIENTIST)[kind]
    stage.refuse(NotAllowedHere, "dana may not", lambda: stage.decide(SCIENTIST, decision))


@pytest.mark.parametrize("kind", [*OWNERS_ONLY, made.Denial], ids=lambda kind: kind.kind)
def test_a_decision_counts_at_its_site_with_its_authors_signature_and_not_before_its_time(
    kind: type[made.Decision],
) -> None:
    stage = Stage()
    decision = as_by(stage, OWNER)[kind]
    elsewhere = replace(decision, site=SiteId("hospital-b"))
    tomorrow = replace(decision, at=decision.at + timedelta(days=1))
    stage.refuse(SignatureInvalid, "made for hospital-b", lambda: stage.decide(OWNER, elsewhere))
    stage.refuse(SignatureInvalid, "not signed by olivia", lambda: stage.decide(REVIEWER, decision))
    stage.refuse(SignatureInvalid, "dated after", lambda: stage.decide(OWNER, tomorrow))
    stranger = replace(decision, by=NEW)
    stage.refuse(NotAllowedHere, "There is no account nora", lambda: stage.decide(NEW, stranger))


def test_an_account_has_a_name_and_a_key_of_its_own_for_ever() -> None:
    stage = Stage()
    admit = as_by(stage, OWNER)[made.AccountAdmission]
    assert isinstance(admit, made.AccountAdmission)
    new = admit.account
    same_name = replace(admit, account=replace(new, account=REVIEWER))
    same_key = replace(admit, account=replace(new, key=stage.world.signer(SCIENTIST).key))
    stage.refuse(AlreadyExists, "ravi exists already", lambda: stage.decide(OWNER, same_name))
    stage.refuse(AlreadyExists, "has this key", lambda: stage.decide(OWNER, same_key))
    stage.decide(OWNER, made.AccountSuspension(**stage.header(OWNER), account=SCIENTIST))
    stage.refuse(AlreadyExists, "has this key", lambda: stage.decide(OWNER, same_key))


def test_a_suspended_account_decides_nothing_and_is_suspended_once() -> None:
    stage = Stage()
    suspend = made.AccountSuspension(**stage.header(OWNER), account=REVIEWER)
    stage.decide(OWNER, suspend)
    stage.refuse(NotAllowedHere, "ravi is suspended", lambda: stage.decide(OWNER, suspend))
    denial = as_by(stage, REVIEWER)[made.Denial]
    stage.refuse(NotAllowedHere, "ravi is suspended", lambda: stage.decide(REVIEWER, denial))


def test_the_last_owner_is_not_suspended() -> None:
    stage = Stage()
    suspend = made.AccountSuspension(**stage.header(OWNER), account=OWNER)
    stage.refuse(NotAllowedHere, "the only owner", lambda: stage.decide(OWNER, suspend))
    stage.decide(OWNER, as_by(stage, OWNER)[made.AccountAdmission])
    stage.decide(OWNER, suspend)
    assert stage.site.register().owners() == [NEW]


def test_a_card_follows_the_one_before_and_keeps_its_unit() -> None:
    stage = Stage()

    def register(**changes: object) -> Callable[[], None]:
        card = replace(stage.world.card(version=2), **changes)
        decision = made.DataRegistration(**stage.header(OWNER), card=card)
        return lambda: stage.decide(OWNER, decision)

    for version in (1, 3):
        stage.refuse(AlreadyExists, "is not the next one", register(version=version))
    other = PrivacyUnit(column="patient", bound=9)
    stage.refuse(NotAllowedHere, "privacy unit never changes", register(unit=other))
    stage.refuse(AlreadyExists, "is not the next", register(dataset=DatasetId("labs")))
    replaced = {"adjacency": Adjacency.REPLACE_ONE, "dataset": DatasetId("labs"), "version": 1}
    stage.refuse(ConfigInvalid, "counted under add-remove", register(**replaced))
    register(version=2)()
    assert stage.site.register().card(ADMISSIONS).version == 2


def test_an_allowance_needs_its_dataset() -> None:
    stage = Stage()
    granted = allowance(DatasetId("labs"), Decimal(1), Decimal("1e-6"))
    decision = made.AllowanceGrant(**stage.header(OWNER), allowance=granted)
    stage.refuse(NotFound, "no dataset labs", lambda: stage.decide(OWNER, decision))


# --- requests ------------------------------------------------------------------------------------


def test_a_request_is_filed_once_by_a_scientist_for_known_data() -> None:
    stage = Stage()
    world = stage.world
    filed = RequestFiled(filed=world.request())
    by_reviewer = RequestFiled(filed=world.request(by=REVIEWER))
    stage.refuse(NotAllowedHere, "ravi may not file", lambda: stage.record(by_reviewer))
    by_stranger = RequestFiled(filed=world.request(by=NEW))
    stage.refuse(NotAllowedHere, "no account nora", lambda: stage.record(by_stranger))
    elsewhere = RequestFiled(filed=world.request(site="hospital-b"))
    stage.refuse(SignatureInvalid, "filed for hospital-b", lambda: stage.record(elsewhere))
    stage.record(filed)
    stage.refuse(AlreadyExists, "filed already", lambda: stage.record(filed))
    founded = World()
    bare = founded.founded()
    with pytest.raises(NotAllowedHere):
        bare.receive(founded.request())


def test_a_request_for_data_that_the_site_does_not_have_is_not_filed() -> None:
    stage = Stage()
    part = stage.world.attempt("hospital-a")
    study = replace(
        stage.world.whole_study(),
        participants=(replace(part, dataset=DatasetId("labs")),),
        minimum_sites=1,
    )
    asked = write_request(
        study, SiteId("hospital-a"), SCIENTIST, stage.world.signer(SCIENTIST), stage.now()
    )
    stage.refuse(NotFound, "no dataset labs", lambda: stage.record(RequestFiled(filed=asked)))


def test_a_request_ends_by_itself_only_when_it_has() -> None:
    stage = Stage(World(rounds=1))
    request = stage.world.file(stage.site)
    for state in RequestState:
        closed = RequestClosed(request=request, state=state)
        stage.refuse(TransitionInvalid, f"is not {state} yet", partial(stage.record, closed))
    stage.world.wait(days=7)
    stage.record(RequestClosed(request=request, state=RequestState.EXPIRED))
    again = RequestClosed(request=request, state=RequestState.EXPIRED)
    stage.refuse(ApprovalWithdrawn, "is expired already", lambda: stage.record(again))
    unknown = RequestClosed(request=RequestId("cr-" + "0" * 12), state=RequestState.EXPIRED)
    stage.refuse(NotFound, "There is no request", lambda: stage.record(unknown))


def test_an_expired_request_is_not_approved_whatever_the_policy_says() -> None:
    stage = Stage(World(rules=(every.Purpose(),)))
    world, site = stage.world, stage.site
    request = world.file(site)
    world.wait(days=7)
    filed = site.ledger.register().request(request).signed.request
    reviewing = Reviewing(accountant=site.accountant, probe=site.probe)
    plan = review_request(site.ledger.register(), filed, stage.now(), reviewing)
    approval = made.Approval(
        **stage.header(REVIEWER), request=request, plan_digest=plan.digest, plan=plan
    )
    stage.refuse(ApprovalExpired, "has expired", lambda: stage.decide(REVIEWER, approval))


@pytest.mark.parametrize("delta", ["0.0001", "0.5"])
def test_a_delta_that_allows_publishing_one_unit_whole_is_not_granted(delta: str) -> None:
    stage = Stage()
    asked = AllowanceAsked(dataset=ADMISSIONS, epsilon=Decimal(3), delta=Decimal(delta))
    grant = partial(grant_allowance, stage.site.ledger, asked, stage.world.acting())
    stage.refuse(AllowanceInvalid, "not below 1/n with the 10000 units", grant)


def test_the_same_data_under_another_name_would_have_a_second_budget() -> None:
    stage = Stage()
    world = stage.world
    twin = replace(world.card(), dataset=DatasetId("admissions-again"))
    register = partial(register_data, stage.site.ledger, twin, world.acting())
    stage.refuse(AlreadyExists, "second budget", register)


def test_a_pending_request_is_denied_and_an_approved_one_revoked() -> None:
    stage = Stage()
    world = stage.world
    pending, by = world.file(stage.site), world.acting(REVIEWER)
    stage.refuse(
        NotInThisState, "only a request that is approved", partial(stage.site.revoke, pending, by)
    )
    stage.site.deny(pending, by)
    assert stage.site.register().request(pending).reason == by.reason
    world.wait(minutes=1)
    approved = world.approved(stage.site)
    stage.refuse(NotInThisState, "that is pending", partial(stage.site.deny, approved, by))
    stage.site.revoke(approved, by)
    for act in (stage.site.revoke, stage.site.deny):
        stage.refuse(ApprovalWithdrawn, "is revoked already", partial(act, approved, by))


# --- rounds --------------------------------------------------------------------------------------


def reserved(request: RequestId, round_: int = 1, attempt: int = 1) -> RoundReserved:
    return RoundReserved(
        id=RoundId(request=request, round=round_, attempt=attempt),
        token=digest(f"{request} {round_} {attempt}"),
    )


def test_only_an_approved_request_in_its_time_runs() -> None:
    stage = Stage()
    world = stage.world
    pending = world.file(stage.site)
    stage.refuse(ApprovalMissing, "is not approved", lambda: stage.record(reserved(pending)))
    stage.site.deny(pending, world.acting(REVIEWER))
    stage.refuse(ApprovalWithdrawn, "is denied", lambda: stage.record(reserved(pending)))
    world.wait(minutes=1)
    approved = world.approved(stage.site)
    world.wait(days=7)
    stage.refuse(ApprovalExpired, "expired at", lambda: stage.record(reserved(approved)))


def test_a_run_token_is_issued_once() -> None:
    stage = Stage()
    request = stage.world.approved(stage.site)
    first = reserved(request)
    stage.record(first)
    second = replace(reserved(request, 2), token=first.token)
    stage.refuse(AlreadyExists, "issued before", lambda: stage.record(second))


def test_two_reviewers_agree_on_one_plan() -> None:
    stage = Stage(World(own_code=digest("code")))
    world, site = stage.world, stage.site
    request = world.file(site)
    plan = site.plan(request)
    assert plan.reviewers == 2
    site.approve(request, plan.digest, world.acting(REVIEWER))
    assert site.register().request(request).state is RequestState.PENDING
    assert site.plan(request).digest == plan.digest
    site.approve(request, plan.digest, world.acting(SECOND_REVIEWER))
    filed = site.register().request(request)
    assert filed.state is RequestState.APPROVED
    assert filed.approved_plan == plan
    assert [one.by for one in filed.approvals] == [REVIEWER, SECOND_REVIEWER]
