"""An owner pauses the site: nothing begins, what has begun goes on, and nobody else ends it."""

from functools import partial

import pytest

from securefed.domain import decision as made
from securefed.domain.identifiers import AccountId
from securefed.domain.request import RequestState
from securefed.domain.round import RoundId
from securefed.errors import NotAllowedHere, NotInThisState, SitePaused, TransitionInvalid
from securefed.steps.meter_round import authorise_steps, reserve_round
from securefed.steps.prepare_site import pause_site, resume_site
from tests.domain.stage import Stage
from tests.world import OWNER, REVIEWER, SCIENTIST


def test_no_round_begins_and_no_request_is_filed_until_the_pause_ends() -> None:
    stage = Stage()
    world, ledger = stage.world, stage.site.ledger
    request = world.approved(stage.site)
    first, second = (RoundId(request=request, round=1, attempt=number) for number in (1, 2))
    token = reserve_round(ledger, first, world.entropy)
    pause_site(ledger, world.acting())
    stage.refuse(SitePaused, "is paused", partial(reserve_round, ledger, second, world.entropy))
    world.wait(minutes=1)
    stage.refuse(SitePaused, "is paused", partial(world.file, stage.site))
    authorise_steps(ledger, token, 3)
    resume_site(ledger, world.acting())
    world.file(stage.site)
    third = RoundId(request=request, round=2, attempt=1)
    reserve_round(ledger, third, world.entropy)


def test_people_still_decide_during_a_pause() -> None:
    stage = Stage()
    request = stage.world.approved(stage.site)
    pause_site(stage.site.ledger, stage.world.acting())
    stage.site.revoke(request, stage.world.acting(REVIEWER))
    assert stage.site.register().request(request).state is RequestState.REVOKED


@pytest.mark.parametrize("by", [REVIEWER, SCIENTIST])
def test_only_an_owner_pauses_and_resumes(by: AccountId) -> None:
    stage = Stage()
    ledger, acting = stage.site.ledger, stage.world.acting
    stage.refuse(NotAllowedHere, "kind site-pause", partial(pause_site, ledger, acting(by)))
    pause_site(ledger, acting())
    stage.refuse(NotAllowedHere, "kind site-resumption", partial(resume_site, ledger, acting(by)))


def test_a_pause_is_made_once_and_ended_once() -> None:
    stage = Stage()
    ledger, owner = stage.site.ledger, stage.world.acting()
    stage.refuse(NotInThisState, "not paused", partial(resume_site, ledger, owner))
    pause_site(ledger, owner)
    stage.refuse(NotInThisState, "paused already", partial(pause_site, ledger, owner))


def test_a_resumption_that_somebody_kept_does_not_end_a_later_pause() -> None:
    stage = Stage()
    ledger, owner = stage.site.ledger, stage.world.acting()
    pause_site(ledger, owner)
    resume_site(ledger, owner)
    kept = ledger.history(1)[0].event
    stage.world.wait(seconds=1)
    pause_site(ledger, owner)
    stage.refuse(TransitionInvalid, "newer decision", partial(stage.record, kept))
    ahead = made.SiteResumption(**stage.header(OWNER))
    stage.decide(OWNER, ahead)
    assert not stage.site.register().paused
