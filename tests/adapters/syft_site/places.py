"""Real sites that the tests of this folder share, and what they do with them again and again.

A `Place` is a bare PySyft behind the door, for what PySyft itself does; its data scientist has an
account with a password, made in PySyft, and works inside the process. A `Hospital` is a site with a
ledger, mirrored into PySyft, whose people have keys of their own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import syft

from securefed.adapters import ed25519_keys
from securefed.adapters.syft_site.approved import attached, function_name
from securefed.adapters.syft_site.certificates import Tls
from securefed.adapters.syft_site.client import SiteClient
from securefed.adapters.syft_site.datasite import Root
from securefed.adapters.syft_site.front_filter import Limits
from securefed.adapters.syft_site.inside import Inside
from securefed.adapters.syft_site.mirror import Mirror
from securefed.adapters.syft_site.pysyft import UserCodeStatus
from securefed.adapters.syft_site.serving import RunningSite, SiteServer, running
from securefed.domain.door import Reason, Refused
from securefed.domain.errand import Ticketed, answer_text
from securefed.domain.identifiers import AccountId, RequestId, SiteId
from securefed.domain.mirrored import mirrored
from securefed.domain.site import Role
from securefed.parties.site import SiteParty
from securefed.ports import Signer
from securefed.steps import prepare_site
from tests.world import REVIEWER, SCIENTIST, World

ROOT = Root(
    name="olivia", email="olivia@example.org", password="-".join(("olivia", "chose", "this"))
)
DANA = ("dana@example.org", "a password of dana")
MOCK = b"patient,age\np1,40\n"
HOSPITAL = SiteId("hospital-a")
# PySyft's own, at run time, about its own use of pydantic.
QUIET = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A running site with one data scientist, and what its door refused."""

    site: RunningSite
    dana: Any
    ref: Any
    refused: list[Refused] = field(default_factory=list)

    def reasons(self, act: Callable[[], object]) -> list[Reason]:
        """What the door refuses while something is done."""
        before = len(self.refused)
        act()
        return [each.reason for each in self.refused[before:]]

    def submitted(self, function: Any) -> Any:
        """The code's uid."""
        return self.dana.api.services.code.request_code_execution(function).code_id

    def request_of(self, uid: Any) -> Any:
        """A code's request, as the owner sees it."""
        (found,) = [each for each in self.site.owner.requests.get_all() if each.code_id == uid]
        return found

    def call(self, uid: Any, payload: dict[str, Any], ref: Any = None) -> Any:
        """Calls code by its uid, the way that is safe."""
        sent = syft.ActionObject.from_obj(payload).send(self.dana)
        ref = ref or self.ref
        return self.dana.api.services.code.call(uid=uid, ref=ref.action_id, payload=sent.id).get()

    def asset(self, name: str, data: dict[str, str], *, twin: bool) -> Any:
        """An owner's asset, with a mock beside it or without."""
        asset = syft.Asset(name=name, data=data, **({"mock": data} if twin else {}))
        if not twin:
            asset.no_mock()
        self.site.owner.upload_dataset(syft.Dataset(name=name, asset_list=[asset]))
        (found,) = [d for d in self.dana.api.services.dataset.get_all() if d.name == name]
        return found.assets[0]


def server(
    folder: Path, refused: list[Refused], tls: Tls | None = None, name: str = HOSPITAL
) -> SiteServer:
    """A site on a free port."""
    folder.chmod(0o700)
    limits = Limits(body_seconds=1)
    return SiteServer(
        folder=folder, name=name, root=ROOT, refused=refused.append, tls=tls, limits=limits
    )


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """A fresh site with an account and a reference asset."""
    refused: list[Refused] = []
    with running(server(folder, refused)) as site:
        email, password = DANA
        site.owner.users.create(
            name="dana", email=email, password=password, password_verify=password
        )
        dana = site.owner.guest().login(email=email, password=password, cache=False)
        found = Place(site=site, dana=dana, ref=None, refused=refused)
        ref = found.asset("ref", {"id": "ds-001"}, twin=False)
        yield Place(site=site, dana=dana, ref=ref, refused=refused)


class RealKeys:
    """Ed25519 keys in a folder, in place of a world's own."""

    verify = staticmethod(ed25519_keys.verify)

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, Signer] = {}

    def signer(self, name: str) -> Signer:
        """The key of a name, made at its first use."""
        if name not in self._made:
            self._made[name] = ed25519_keys.create_key(self._folder / f"{name}.key", name)
        return self._made[name]


class HospitalWorld(World):
    """A world whose keys are real, and whose allowance does not end a test."""

    def __init__(self, folder: Path) -> None:
        super().__init__(noise=Decimal(50), steps=1, rounds=1)
        self.keys = RealKeys(folder)  # type: ignore[assignment]  # PySyft checks real signatures


@dataclass
class Hospital:
    """A site with a ledger, its mirror, and what was asked of it through approved functions."""

    world: World
    party: SiteParty
    site: RunningSite
    refused: list[Refused]
    mock: bytes | None = MOCK
    asked: list[tuple[RequestId, str]] = field(default_factory=list)
    clients: list[SiteClient] = field(default_factory=list)
    studies: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.mirror = self.new_mirror()
        self.inside = Inside(self.site.datasite)

    def new_mirror(self) -> Mirror:
        """A mirror as a fresh process has it."""
        return Mirror(
            self.site.datasite,
            self.party.ledger.site,
            mock=lambda _: self.mock,
            file=self.party.receive,
            now=lambda: self.seconds,
        )

    def answer(self, request: RequestId, text: str) -> str:
        """What stands for the desk."""
        self.asked.append((request, text))
        return answer_text(Ticketed(ticket=None))

    def look(self) -> None:
        """What the serving process does now and then."""
        self.mirror.take_in(self.wanted())
        self.mirror.follow(self.wanted())

    def wanted(self) -> Any:
        """What the ledger says."""
        with self.party.ledger.held() as register:
            return mirrored(register)

    def client(self, who: AccountId = SCIENTIST, authority: Path | None = None) -> SiteClient:
        """Somebody's way to the site."""
        name, signer = self.party.ledger.site, self.world.signer(who)
        client = SiteClient.connect(name, self.site.host, self.site.port, signer, authority)
        self.clients.append(client)
        return client

    def request(self, by: AccountId = SCIENTIST) -> Any:
        """A request of a new study, signed and not filed."""
        self.studies += 1
        self.world.study = f"study-{self.studies}"
        return self.world.request(self.party.ledger.site, by)

    def filed(self, client: SiteClient, by: AccountId = SCIENTIST) -> RequestId:
        """A request that came in through PySyft."""
        signed = self.request(by)
        client.submit(signed)
        self.look()
        request: RequestId = signed.request.request
        return request

    def approve(self, request: RequestId) -> None:
        """A reviewer's yes in the ledger, and a look."""
        plan = self.party.plan(request)
        self.party.approve(request, plan.digest, self.world.acting(REVIEWER))
        self.look()

    def admitted(self, name: str) -> AccountId:
        """One more data scientist."""
        account = self.world.account(AccountId(name), Role.SCIENTIST)
        prepare_site.admit_account(self.party.ledger, account, self.world.acting())
        self.look()
        return account.account

    def denied_because(self, request: RequestId) -> str:
        """Why PySyft does not run a request; empty while it is not denied."""
        name = function_name(request)
        codes = self.inside.call("code.get_by_service_func_name", service_func_name=name)
        reasons = []
        for code in codes:
            status = self.inside.call("code_status.get_by_uid", uid=code.status_link.object_uid)
            (decision,) = status.status_dict.values()
            reasons.append(decision.reason if decision.status is UserCodeStatus.DENIED else "")
        return "; ".join(reasons)

    def approved(self, client: SiteClient) -> RequestId:
        """A request that may run."""
        request = self.filed(client)
        self.approve(request)
        return request


@contextmanager
def hospital(folder: Path, name: SiteId = HOSPITAL, tls: Tls | None = None) -> Iterator[Hospital]:
    """A fresh site with people, a policy, data and an allowance, mirrored."""
    keys = folder / "keys"
    keys.mkdir()
    world = HospitalWorld(keys)
    party = world.site(name)
    refused: list[Refused] = []
    (folder / "site").mkdir()
    with running(server(folder / "site", refused, tls, name)) as site:
        found = Hospital(world=world, party=party, site=site, refused=refused)
        with attached(name, found.answer):
            found.look()
            yield found
        for client in found.clients:
            client.close()
