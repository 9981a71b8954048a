"""What every RemoteSite does: a request is filed once, runs when approved, and errors have names.

The real one is PySyft with its door, mirror and client, before the same desk.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from securefed.domain.errand import Answer, Attempt, Deliver, Errand, Report, Ticketed
from securefed.domain.identifiers import RequestId, SiteId
from securefed.domain.mirrored import Mirrored, mirrored
from securefed.domain.request import RequestState, SignedRequest
from securefed.errors import ApprovalMissing, ApprovalWithdrawn, NotFound
from tests.office import DeskRemote, Office, pilot
from tests.world import REVIEWER, digest

# PySyft's own, at run time, about its own use of pydantic.
pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")
OF = Attempt(round=1, attempt=1)
BROUGHT = Deliver(of=OF, blob=digest("weights"), length=16)


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A site, the way to it, and what lets the two agree."""

    office: Office
    submit: Callable[[SignedRequest], None]
    state: Callable[[RequestId], RequestState]
    ask: Callable[[RequestId, Errand], Answer]
    look: Callable[[], None]

    def filed(self) -> RequestId:
        signed = self.office.world.request(self.office.name)
        self.submit(signed)
        self.look()
        return signed.request.request

    def approved(self) -> RequestId:
        request, party = self.filed(), self.office.party
        party.approve(request, party.plan(request).digest, self.office.world.acting(REVIEWER))
        self.look()
        return request


def in_memory(_: Path, __: ExitStack) -> Reached:
    remote = DeskRemote(office := Office())
    return Reached(
        office=office,
        submit=remote.submit,
        state=remote.state,
        ask=remote.ask,
        look=lambda: None,
    )


def over_pysyft(folder: Path, held: ExitStack) -> Reached:
    # First: it imports PySyft without its warnings.
    import securefed.adapters.syft_site.pysyft  # noqa: F401 -- imported for its effect
    from securefed.adapters.syft_site.approved import attached
    from securefed.adapters.syft_site.client import SiteClient
    from securefed.adapters.syft_site.mirror import Mirror
    from securefed.adapters.syft_site.serving import running
    from tests.adapters.syft_site.places import RealKeys, server
    from tests.world import SCIENTIST

    # Another name than that of the sites that other tests of the process serve.
    name = SiteId("clinic")
    world = pilot(sites=(name,))
    world.keys = RealKeys(folder)  # type: ignore[assignment]  # PySyft checks real signatures
    office = Office(world, name=name)
    (folder / "site").mkdir()
    site = held.enter_context(running(server(folder / "site", [], name=name)))
    held.enter_context(attached(name, office.desk.answer))
    mirror = Mirror(site.datasite, name, mock=lambda _: None, file=office.party.receive)

    def now() -> Mirrored:
        with office.ledger.held() as register:
            return mirrored(register)

    def look() -> None:
        mirror.take_in(now())
        mirror.follow(now())

    look()
    client = held.enter_context(
        SiteClient.connect(name, site.host, site.port, world.signer(SCIENTIST))
    )
    return Reached(
        office=office,
        submit=client.submit,
        state=lambda request: client.state(request).state,
        ask=client.ask,
        look=look,
    )


@pytest.fixture(
    scope="module", params=[in_memory, pytest.param(over_pysyft, marks=pytest.mark.slow)]
)
def reached(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reached]:
    with ExitStack() as held:
        yield request.param(tmp_path_factory.mktemp("remote"), held)


@pytest.fixture(autouse=True)
def another_study(reached: Reached) -> None:
    world = reached.office.world
    world.study, world.steps, world.rounds = f"{world.study}x", 1, 1


def test_a_request_is_filed_once(reached: Reached) -> None:
    signed = reached.office.world.request(reached.office.name)
    for _ in range(2):
        reached.submit(signed)
        reached.look()
    assert reached.state(signed.request.request) is RequestState.PENDING
    assert reached.office.ledger.register().request(signed.request.request).signed == signed


def test_what_was_not_filed_is_not_found(reached: Reached) -> None:
    with pytest.raises(NotFound):
        reached.state(RequestId("cr-000000000000"))


def test_a_request_runs_only_while_it_is_approved(reached: Reached) -> None:
    request = reached.filed()
    with pytest.raises(ApprovalMissing):
        reached.ask(request, BROUGHT)
    party, by = reached.office.party, reached.office.world.acting(REVIEWER)
    party.approve(request, party.plan(request).digest, by)
    reached.look()
    assert reached.state(request) is RequestState.APPROVED
    answer = reached.ask(request, BROUGHT)
    assert isinstance(answer, Ticketed)
    assert answer.ticket
    party.revoke(request, by)
    reached.look()
    assert reached.state(request).closed
    with pytest.raises(ApprovalWithdrawn):
        reached.ask(request, BROUGHT)


def test_what_the_desk_declines_has_its_name(reached: Reached) -> None:
    with pytest.raises(NotFound):
        reached.ask(reached.approved(), Report(of=OF))
