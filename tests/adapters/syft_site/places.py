"""A real site that the tests of this folder share, and what they do with it again and again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import syft

from securefed.adapters.syft_site.certificates import Tls
from securefed.adapters.syft_site.client import hang_up, log_in
from securefed.adapters.syft_site.datasite import Root
from securefed.adapters.syft_site.front_filter import Limits
from securefed.adapters.syft_site.serving import RunningSite, SiteServer, running
from securefed.domain.door import Pace, Reason, Refused

ROOT = Root(
    name="olivia", email="olivia@example.org", password="-".join(("olivia", "chose", "this"))
)
DANA = ("dana@example.org", "a password of dana")
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

    def submitted(self, function: Any, dana: Any = None) -> Any:
        """The code's uid."""
        return (dana or self.dana).api.services.code.request_code_execution(function).code_id

    def request_of(self, uid: Any) -> Any:
        """A code's request, as the owner sees it."""
        (found,) = [each for each in self.site.owner.requests.get_all() if each.code_id == uid]
        return found

    def call(self, uid: Any, payload: dict[str, Any], ref: Any = None) -> Any:
        """Calls code by its uid, the way that is safe."""
        sent = syft.ActionObject.from_obj(payload).send(self.dana)
        ref = ref or self.ref
        return self.dana.api.services.code.call(uid=uid, ref=ref.action_id, payload=sent.id).get()

    def inside(self) -> Any:
        """The client of dana within the process, for what the door does not let through."""
        email, password = DANA
        return self.site.owner.guest().login(email=email, password=password, cache=False)

    def asset(self, name: str, data: dict[str, str], *, twin: bool) -> Any:
        """An owner's asset, with a mock beside it or without."""
        asset = syft.Asset(name=name, data=data, **({"mock": data} if twin else {}))
        if not twin:
            asset.no_mock()
        self.site.owner.upload_dataset(syft.Dataset(name=name, asset_list=[asset]))
        (found,) = [d for d in self.dana.api.services.dataset.get_all() if d.name == name]
        return found.assets[0]


def server(folder: Path, refused: list[Refused], tls: Tls | None = None) -> SiteServer:
    """A site on a free port; logins are not slowed down here."""
    folder.chmod(0o700)
    limits = Limits(body_seconds=1, logins=Pace(each_second=50, at_once=50))
    return SiteServer(
        folder=folder, name="hospital-a", root=ROOT, refused=refused.append, tls=tls, limits=limits
    )


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """A fresh site with an account and a reference asset."""
    refused: list[Refused] = []
    with running(server(folder, refused)) as site:
        add_dana(site)
        dana = log_in(site.host, site.port, *DANA)
        found = Place(site=site, dana=dana, ref=None, refused=refused)
        ref = found.asset("ref", {"id": "ds-001"}, twin=False)
        yield Place(site=site, dana=dana, ref=ref, refused=refused)
        hang_up(dana)


def add_dana(site: RunningSite) -> None:
    """Creates the data scientist."""
    email, password = DANA
    site.owner.users.create(name="dana", email=email, password=password, password_verify=password)
