"""What PySyft has to show of a ledger: who may call, what there is, what may run."""

from securefed.domain.mirrored import Mirrored, mirrored
from securefed.domain.request import RequestState
from securefed.parties.site import SiteParty
from securefed.steps import prepare_site
from tests.world import ADMISSIONS, OTHER_SCIENTIST, REVIEWER, SCIENTIST, World


def of(party: SiteParty) -> Mirrored:
    with party.ledger.held() as register:
        return mirrored(register)


def test_only_scientists_in_force_call() -> None:
    world = World()
    party = world.site()
    assert {one.account for one in of(party).scientists} == {SCIENTIST, OTHER_SCIENTIST}
    prepare_site.suspend_account(party.ledger, SCIENTIST, world.acting())
    assert {one.account for one in of(party).scientists} == {OTHER_SCIENTIST}


def test_a_request_is_shown_with_its_digest_state_and_reason() -> None:
    world = World()
    party = world.site()
    request = world.file(party)
    ruled = of(party).requests[request]
    assert (ruled.state, ruled.reason) == (RequestState.PENDING, "")
    assert ruled.digest == party.ledger.register().request(request).signed.request.digest
    party.deny(request, world.acting(REVIEWER, "Not now"))
    ruled = of(party).requests[request]
    assert (ruled.state, ruled.reason) == (RequestState.DENIED, "Not now")


def test_an_approved_request_of_a_suspended_account_does_not_run() -> None:
    world = World()
    party = world.site()
    request = world.approved(party)
    assert of(party).requests[request].state is RequestState.APPROVED
    prepare_site.suspend_account(party.ledger, SCIENTIST, world.acting())
    ruled = of(party).requests[request]
    assert ruled.state is RequestState.REVOKED
    assert "dana is suspended" in ruled.reason


def test_erased_data_are_named_and_have_no_card() -> None:
    world = World()
    party = world.site()
    assert [one.dataset for one in of(party).cards] == [ADMISSIONS]
    prepare_site.erase_data(party.ledger, ADMISSIONS, world.acting())
    assert not of(party).cards
    assert of(party).erased == {ADMISSIONS}
