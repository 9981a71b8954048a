"""A federation of real processes for the chaos test: three sites, two custodians, a coordinator.

federation = Federation(tmp_path, rounds=6)
federation.make()
federation.start("hospital-a")          # each by its name; the coordinator is `study run`
federation.kill("hospital-a")           # SIGKILL to its process alone

Ports are chosen once, so that what is started again is found again. The people are dana, who asks,
and olivia, who decides by the library. `close` ends everything, whatever the test did.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final

from securefed.adapters.run_folder import RunFolder
from securefed.adapters.site_folder import SiteFolder, find_serving
from securefed.config import ServeSettings
from securefed.domain.identifiers import AccountId, Line, Name, RequestId, SiteId
from securefed.domain.key_card import Holds
from securefed.domain.site import Account, Role
from securefed.steps import prepare_site
from securefed.wiring import basics, opened_site
from securefed.wiring.custodian import OpenCustodian, init_custodian, open_custodian
from tests.site.place import ROOT, write_data, write_policy
from tests.site.processes import about, processes, until

SITES: Final = (SiteId("hospital-a"), SiteId("hospital-b"), SiteId("hospital-c"))
CUSTODIANS: Final = {"registry": Holds.LATTICE, "council": Holds.MASK}
COORDINATOR: Final = "coordinator"
DANA, OLIVIA = AccountId("dana"), AccountId("olivia")
STEPS: Final = 4
BOUND: Final = 10.0
_CALL: Final = ("--federation", "federation.toml", "--as", "dana", "--key", "dana.key")
_STUDY: Final = """
title = "Rounds while processes are killed"
name = "chaos"
purpose = "readmission-research"
[recipe]
name = "tabular"
version = "1.0.0"
parameters = {{target = "readmitted", numeric = ["age:60:20"], learning_rate = 0.5}}
[model]
family = "logistic"
parameters = 2
[rounds]
count = {rounds}
spare = {spare}
minimum_sites = 2
[privacy]
noise_multiplier = 20.0
sampling_rate = 0.1
steps = {steps}
clip = 1.0
[sealing]
suite = "bfv+mask"
update_bound = {bound}
"""


class Federation:
    """The folder of everybody, and their processes."""

    def __init__(self, place: Path, rounds: int) -> None:
        self.place, self.rounds, self.spare = place, rounds, 2 * rounds + 20
        self.run = RunFolder(place / "chaos.run")
        self.alive: dict[str, subprocess.Popen[bytes]] = {}
        self.said: list[Path] = []
        self._ports = _free_ports(len(SITES) + len(CUSTODIANS))

    def make(self) -> None:
        """Everybody's folders; the study is filed and approved, sites and custodians serve."""
        place = self.place
        write_data(place)
        policy = write_policy(place)
        for who in (DANA, AccountId(COORDINATOR)):
            basics.new_key(place / f"{who}.key", who)
        for site in SITES:
            self._found_site(site, policy)
        for name, holds in CUSTODIANS.items():
            init_custodian(place / name, Name(name), holds)
        self._write_files()
        for name in CUSTODIANS:
            self._agree(name)
        for each in (*SITES, *CUSTODIANS):
            self.start(each)
        self._approve()

    # --- processes -------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Starts somebody's program."""
        assert name not in self.alive
        (self.place / "said").mkdir(exist_ok=True)
        said = self.place / "said" / f"{len(self.said)}.{name}.txt"
        self.said.append(said)
        with said.open("wb") as file:
            self.alive[name] = subprocess.Popen(
                [sys.executable, "-P", *self._command(name)],
                cwd=self.place,
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ready(self, name: str) -> bool:
        """Whether somebody has come so far that it does its work."""
        if name not in self.alive:
            return False
        if name in SITES:
            note = find_serving(SiteFolder(self.place / name).serving)
            return note is not None and note.pid == self.alive[name].pid
        return ("listens" if name in CUSTODIANS else "\nround ") in self.told(name)

    def kill(self, name: str) -> None:
        """Ends a process as a power cut would; what it started is not told."""
        process = self.alive.pop(name)
        process.kill()
        process.wait()

    def kill_a_run(self, site: str) -> bool:
        """Kills a process in which a site's run trains, if there is one."""
        folder = str(self.place / site / "runs").encode()
        found = [pid for pid in processes() if pid != self.alive[site].pid and folder in about(pid)]
        for pid in found[-1:]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(found)

    def ended(self, name: str) -> int | None:
        """With what a program ended by itself, which it may."""
        code = self.alive[name].poll()
        if code is not None:
            del self.alive[name]
        return code

    def close(self) -> None:
        """Ends everything, and waits until it is gone."""
        for process in self.alive.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        folder = str(self.place).encode()
        until(
            lambda: not [pid for pid in processes() if pid != os.getpid() and folder in about(pid)]
        )

    def told(self, name: str) -> str:
        """What a program said when it ran last."""
        return [one for one in self.said if one.name.split(".")[1] == name][-1].read_text()

    def call(self, *arguments: str) -> str:
        """Runs a command to its end."""
        command = [sys.executable, "-P", "-c", _PROGRAM, *arguments]
        ran = subprocess.run(
            command, cwd=self.place, env=_ENVIRONMENT, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def _command(self, name: str) -> list[str]:
        if name in SITES:
            # Whole paths: by these a site's runs are found.
            recorded, folder = str(self.recorded(name)), str(self.place / name)
            return ["-m", "tests.chaos.recording", recorded, "site", "serve", "--site", folder]
        if name in CUSTODIANS:
            port = str(self._port(name))
            served = ("custodian", "serve", "--folder", name, "--port", port)
            return ["-c", _PROGRAM, *served]
        signing = ("--coordinator-key", f"{COORDINATOR}.key")
        return ["-c", _PROGRAM, "study", "run", "study.toml", *_CALL, *signing, "--json"]

    # --- what is looked at -----------------------------------------------------------------------

    def site(self, name: str) -> opened_site.OpenSite:
        """A site's folder, as its owner's other programs open it."""
        return opened_site.open_site(self.place / name)

    def custodian(self, name: str) -> OpenCustodian:
        """A custodian's folder."""
        return open_custodian(self.place / name)

    def recorded(self, site: str) -> Path:
        """The folder of a site's updates, each before it was sealed."""
        return self.place / f"{site}.recorded"

    def request(self, site: SiteId) -> RequestId:
        """What was filed at a site."""
        signed = self.run.request(site)
        assert signed is not None
        return signed.request.request

    # --- setting up ------------------------------------------------------------------------------

    def _found_site(self, name: SiteId, policy: Path) -> None:
        serve = ServeSettings(port=self._port(name))
        site = opened_site.init_site(self.place / name, name, Line(name), OLIVIA, serve)
        by, ledger = site.acting(OLIVIA, None, Line("A test's decision")), site.party.ledger
        prepare_site.adopt_policy(ledger, basics.find_policy(str(policy)), by)
        key = basics.load_signer(self.place / "dana.key").key
        dana = Account(account=DANA, key=key, roles=(Role.SCIENTIST,))
        prepare_site.admit_account(ledger, dana, by)
        card = site.add_data(self.place / "dataset.toml", by)
        granted = {"epsilon": Decimal(3), "delta": Decimal("1e-6")}
        asked = prepare_site.AllowanceAsked(dataset=card.dataset, **granted)
        prepare_site.grant_allowance(ledger, asked, by)
        self.recorded(name).mkdir()

    def _write_files(self) -> None:
        text = _STUDY.format(rounds=self.rounds, spare=self.spare, steps=STEPS, bound=BOUND)
        tables = "".join(f'[sites.{site}]\ndataset = "admissions"\n' for site in SITES)
        (self.place / "study.toml").write_text(text + tables)
        lines = [
            self._table("sites", site, self.site(site).party.register().site.key) for site in SITES
        ]
        lines += [self._table("custodians", name, self._key(name)) for name in CUSTODIANS]
        (self.place / "federation.toml").write_text("".join(lines))

    def _table(self, kind: str, name: str, key: str) -> str:
        return f'[{kind}.{name}]\nurl = "http://127.0.0.1:{self._port(name)}"\nkey = "{key}"\n'

    def _key(self, custodian: str) -> str:
        return self.custodian(custodian).party.signer.key

    @property
    def coordinator(self) -> str:
        """The coordinator's public key."""
        return basics.load_signer(self.place / f"{COORDINATOR}.key").key

    def _agree(self, custodian: str) -> None:
        known = [f"--site={site}={self.site(site).party.register().site.key}" for site in SITES]
        self.call(
            *("custodian", "key", "new", "chaos", *known, "--coordinator", self.coordinator),
            *("--folder", custodian, "--suite", "bfv+mask", "--quorum", "2", "--parameters", "2"),
            *("--rounds", str(self.rounds + self.spare)),
        )

    def _approve(self) -> None:
        opening = [f"--custodian={self._key(name)}" for name in CUSTODIANS]
        until(lambda: all((self.place / site / "serving.json").exists() for site in SITES))
        self.call(
            *("study", "submit", "study.toml", *_CALL),
            *("--coordinator", self.coordinator, *opening),
        )
        for name in SITES:
            until(partial(self._has_request, name))
            site, request = self.site(name), self.request(name)
            acting = site.acting(OLIVIA, None, Line("A test's decision"))
            site.party.approve(request, site.party.plan(request).digest, acting)
        until(self._all_know)

    def _has_request(self, name: SiteId) -> bool:
        return self.request(name) in self.site(name).party.register().requests

    def _all_know(self) -> bool:
        said = json.loads(self.call("study", "status", "study.toml", *_CALL, "--json"))
        return all(one["state"] == "approved" for one in said["requests"])

    def _port(self, name: str) -> int:
        return self._ports[(*SITES, *CUSTODIANS).index(name)]


_PROGRAM: Final = "from securefed.cli.app import main; main()"
_PATH: Final = os.pathsep.join([str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
_ENVIRONMENT: Final = {**os.environ, "PYTHONPATH": _PATH}


def _free_ports(number: int) -> list[int]:
    """Ports that nobody has now, all different."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
