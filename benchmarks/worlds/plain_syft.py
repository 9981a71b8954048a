"""PySyft as it comes, with no door before it: what a site without this project would serve.

`python -m benchmarks.worlds.plain_syft FOLDER PORT` serves a datasite; its owner logs in with the
words below. A client in the same module does what is compared: a login, an approved function that
returns at once, and a file that passes through the datasite itself.
"""

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI

from securefed.adapters.syft_site.datasite import Root, build_datasite
from securefed.adapters.syft_site.identity import kept_identity
from securefed.adapters.syft_site.pysyft import get_lifetime, make_routes

_ROOT = Path(__file__).parents[2]
_OWNER = Root(name="olivia", email="olivia@example.org", password="-".join(("made", "up")))
_DANA = ("dana@example.org", "-".join(("also", "made", "up")))


class PlainSyft:
    """A datasite in a process of its own, and its owner and data scientist here."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as bound:
            self._port = bound.getsockname()[1]
        self._running = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", __name__, str(folder), str(self._port)],
            stdout=subprocess.PIPE,
            cwd=_ROOT,
        )
        said = self._running.stdout
        if said is None or said.readline() != b"ready\n":
            raise ChildProcessError("PySyft does not start")

    def kill(self) -> None:
        """Ends it."""
        self._running.kill()
        self._running.communicate()

    def login(self) -> Any:
        """The data scientist, by PySyft's own login."""
        return self._login(*_DANA)

    def approved_call(self) -> Callable[[], object]:
        """A function of nothing that was approved; calling it returns what PySyft's client does."""
        import syft

        owner, dana = self._login(_OWNER.email, _OWNER.password), self.login()
        asset = syft.Asset(name="ref", data={"kind": "ref"})
        asset.no_mock()
        owner.upload_dataset(syft.Dataset(name="ref", asset_list=[asset]))
        ref = dana.datasets[0].assets[0]

        @syft.syft_function(input_policy=syft.ExactMatch(ref=ref))  # type: ignore[untyped-decorator]
        def where_it_stands(ref: Any) -> dict[str, str]:
            return {"answer": ref["kind"]}

        dana.code.request_code_execution(where_it_stands)
        owner.requests[0].approve()
        call = dana.code.where_it_stands
        return lambda: call(ref=ref).get()

    def _login(self, email: str, password: str) -> Any:
        import syft

        return syft.login(url=f"http://127.0.0.1:{self._port}", email=email, password=password)


def both_ways(client: Any, data: bytes) -> tuple[float, float]:
    """Seconds for bytes into the datasite and out of it, as an action object."""
    import syft

    start = time.perf_counter()
    sent = syft.ActionObject.from_obj(data).send(client)
    there = time.perf_counter()
    if sent.get() != data:
        raise ValueError("PySyft gave back other bytes")
    return there - start, time.perf_counter() - there


def main(folder: str, port: str) -> None:
    """Serves until it is killed."""
    logging.disable(logging.CRITICAL)
    place = Path(folder)
    datasite = build_datasite(place, "plain", kept_identity(place / "datasite.json"), _OWNER)
    email, password = _DANA
    datasite.root_client.users.create(
        name="dana", email=email, password=password, password_verify=password
    )
    application, routes = FastAPI(lifespan=get_lifetime(datasite)), APIRouter()
    routes.include_router(make_routes(worker=datasite))
    application.include_router(routes, prefix="/api/v2")
    with socket.create_server(("127.0.0.1", int(port))) as bound:
        os.write(1, b"ready\n")
        uvicorn.Server(uvicorn.Config(application, log_level="critical")).run(sockets=[bound])


if __name__ == "__main__":
    main(*sys.argv[1:])
