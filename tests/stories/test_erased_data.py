"""An owner withdraws a dataset, and others try to go on with it or to start its budget afresh."""

from dataclasses import replace
from functools import partial

import pytest

from securefed.domain import decision as made
from securefed.domain.identifiers import AccountId, DatasetId, Digest, RequestId
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.request import RequestState
from securefed.domain.round import RoundId
from securefed.domain.token import RunToken
from securefed.errors import (
    AlreadyExists,
    ApprovalWithdrawn,
    DataErased,
    NotAllowedHere,
    NotFound,
    TransitionInvalid,
)
from securefed.steps.meter_round import authorise_steps, commit_round, reserve_round
from securefed.steps.prepare_site import erase_data, register_data
from tests.domain.stage import Stage
from tests.world import ADMISSIONS, OWNER, REVIEWER, SCIENTIST, digest

LABS = DatasetId("labs")


def erase(stage: Stage) -> None:
    """The owner erases the admissions."""
    erase_data(stage.site.ledger, ADMISSIONS, stage.world.acting(reason="The agreement ended"))


def register_again(stage: Stage, **changes: object) -> None:
    """The owner registers the next version of the admissions."""
    card = replace(stage.world.card(version=2), **changes)
    register_data(stage.site.ledger, card, stage.world.acting())


def begin(stage: Stage, request: RequestId) -> RunToken:
    """The first round of a request, reserved."""
    id = RoundId(request=request, round=1, attempt=1)
    return reserve_round(stage.site.ledger, id, stage.world.entropy)


def spend(stage: Stage) -> RunToken:
    """A round that has begun and was charged for five steps."""
    token = begin(stage, stage.world.approved(stage.site))
    authorise_steps(stage.site.ledger, token, 5)
    return token


def test_every_request_for_the_data_ends_and_no_other_is_filed() -> None:
    stage = Stage()
    approved = stage.world.approved(stage.site)
    stage.world.wait(minutes=1)
    pending = stage.world.file(stage.site)
    plan = stage.site.plan(pending).digest
    erase(stage)
    requests = stage.site.register().requests
    assert requests[approved].state is RequestState.REVOKED
    assert requests[pending].state is RequestState.DENIED
    assert {one.reason for one in requests.values()} == {"The agreement ended"}
    approve = partial(stage.site.approve, pending, plan, stage.world.acting(REVIEWER))
    stage.refuse(ApprovalWithdrawn, "is denied", approve)
    stage.refuse(ApprovalWithdrawn, "is revoked", partial(begin, stage, approved))
    stage.world.wait(minutes=1)
    stage.refuse(DataErased, "admissions is erased", partial(stage.world.file, stage.site))
    stage.refuse(DataErased, "admissions is erased", partial(stage.world.grant, stage.site))


@pytest.mark.parametrize("by", [REVIEWER, SCIENTIST])
def test_only_an_owner_erases(by: AccountId) -> None:
    stage = Stage()
    act = partial(erase_data, stage.site.ledger, ADMISSIONS, stage.world.acting(by))
    stage.refuse(NotAllowedHere, "may not make a decision of kind data-erasure", act)


def test_a_round_that_is_running_goes_no_further_releases_nothing_and_stays_charged() -> None:
    stage = Stage()
    token = spend(stage)
    erase(stage)
    ledger = stage.site.ledger
    stage.refuse(ApprovalWithdrawn, "is revoked", partial(authorise_steps, ledger, token, 6))
    commit = partial(commit_round, ledger, token, 5, (digest("update"),))
    stage.refuse(TransitionInvalid, "the attempt is aborted", commit)
    book = stage.site.register().book(ADMISSIONS)
    assert book.reserved == 0
    assert book.spent > 0


@pytest.mark.parametrize("data", [digest("data 1"), digest("other bytes")])
def test_what_was_spent_stays_spent_when_the_data_come_back(data: Digest) -> None:
    stage = Stage()
    assert stage.world.card().data == digest("data 1")
    spend(stage)
    erase(stage)
    before = stage.site.register().book(ADMISSIONS)
    spent, order = before.spent, before.fixed_order
    register_again(stage, data=data)
    after = stage.site.register().book(ADMISSIONS)
    assert (after.spent, after.fixed_order) == (spent, order)
    assert spent > 0
    assert after.granted().epsilon == stage.world.epsilon
    assert stage.site.register().requests
    stage.world.wait(minutes=1)
    stage.world.approved(stage.site)


def test_the_data_do_not_come_back_under_another_unit_name_or_version() -> None:
    stage = Stage()
    erase(stage)
    unit = PrivacyUnit(column="patient", bound=9)
    stage.refuse(
        NotAllowedHere, "privacy unit never changes", partial(register_again, stage, unit=unit)
    )
    renamed = {"dataset": LABS, "version": 1, "data": stage.world.card().data}
    stage.refuse(AlreadyExists, "second budget", partial(register_again, stage, **renamed))
    stage.refuse(AlreadyExists, "is not the next", partial(register_again, stage, version=1))


def test_an_erasure_counts_once_and_for_the_version_that_it_names() -> None:
    stage = Stage()
    erase(stage)
    kept = stage.site.ledger.history(1)[0].event
    stage.refuse(DataErased, "admissions is erased", partial(stage.record, kept))
    register_again(stage)
    stage.refuse(TransitionInvalid, "Version 1 of admissions", partial(stage.record, kept))
    head = stage.header(OWNER)
    ahead = made.DataErasure(**head, dataset=ADMISSIONS, version=3)
    stage.refuse(TransitionInvalid, "Version 3 of admissions", partial(stage.decide, OWNER, ahead))
    unknown = made.DataErasure(**head, dataset=LABS, version=1)
    stage.refuse(NotFound, "no dataset labs", partial(stage.decide, OWNER, unknown))


def test_an_approval_from_before_does_not_read_what_is_registered_after() -> None:
    stage = Stage()
    request = stage.world.approved(stage.site)
    erase(stage)
    register_again(stage, data=stage.world.card().data)
    stage.refuse(ApprovalWithdrawn, "is revoked", partial(begin, stage, request))


def test_other_datasets_and_their_requests_are_left_alone() -> None:
    stage = Stage()
    request = stage.world.approved(stage.site)
    labs = replace(stage.world.card(), dataset=LABS, data=digest("labs"))
    register_data(stage.site.ledger, labs, stage.world.acting())
    erase_data(stage.site.ledger, LABS, stage.world.acting())
    register = stage.site.register()
    assert register.request(request).state is RequestState.APPROVED
    assert list(register.cards) == [ADMISSIONS]
    assert list(register.erased) == [LABS]
    assert register.last_card(LABS) == labs
