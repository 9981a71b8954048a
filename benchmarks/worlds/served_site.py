"""A real site, made with the commands of a new owner and served in a process of its own.

Walls, ledger, PySyft and blob channel are those of `securefed site serve`; what stands here only
starts it, stops it, and looks at it from outside. The data is the example's mock.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from securefed.adapters.site_folder import SiteFolder, find_serving
from securefed.adapters.syft_site.client import SiteClient
from securefed.config import load_study
from securefed.domain.identifiers import AccountId, RequestId, SiteId
from securefed.domain.request import RequestState
from securefed.ports import Signer
from securefed.steps.submit_request import write_request
from securefed.wiring.basics import clock, load_signer

SITE = SiteId("hospital-a")
_DANA = AccountId("dana")
_ROOT = Path(__file__).parents[2]
_PROGRAM = (sys.executable, "-c", "from securefed.cli.app import main; main()")
_LOOK_S = 0.02
_STUDY = """
title = "{name}"
name = "{name}"
purpose = "readmission-research"
[recipe]
name = "tabular"
version = "1.0.0"
[recipe.parameters]
target = "readmitted"
numeric = [
    "age:65:15", "systolic:130:20", "creatinine:1:0.5",
    "prior_admissions:1:2", "length_of_stay:5:5",
]
categorical = ["sex:female|male|*"]
boolean = ["emergency"]
learning_rate = 0.5
average = true
[model]
family = "logistic"
parameters = {parameters}
[rounds]
count = {rounds}
minimum_sites = 1
[privacy]
noise_multiplier = {noise}
sampling_rate = 0.1
steps = {steps}
clip = 1.0
[privacy.metrics]
noise_multiplier = 200.0
releases = 1
[sealing]
suite = "none"
update_bound = 1.0
[sites.hospital-a]
dataset = "admissions"
"""
# Values of the model that a study of this site trains.
PARAMETERS = 10


class ServedSite:
    """A site in a folder, with one dataset, one data scientist, and whoever serves it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root = folder / SITE
        self._log = folder / "served.log"
        self._serving: subprocess.Popen[str] | None = None
        dataset = str(_ROOT / "sites" / SITE / "dataset.toml")
        self._command("site", "init", SITE, "--policy", "pilot", "--listen", "127.0.0.1:0", at="")
        self._command("site", "add-data", dataset)
        self._command("budget", "grant", "admissions", "--epsilon", "3", "--delta", "1e-6")
        key = folder / "dana.key"
        public = self._command("account", "new-key", _DANA, "--out", str(key), at="").strip()
        self._command("account", "add", _DANA, "--role", "scientist", "--public-key", public)
        self.signer: Signer = load_signer(key)
        self.site_signer: Signer = load_signer(SiteFolder(self.root).site_key)

    def start(self) -> float:
        """Serves, and says after how many seconds the site answers."""
        before = time.perf_counter()
        with self._log.open("a", encoding="utf-8") as log:
            self._serving = subprocess.Popen(
                [*_PROGRAM, "site", "serve", "--site", str(self.root)],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self._folder,
                env=_environment(),
                text=True,
            )
        said = self._serving.stdout
        if said is None or not said.readline():
            raise ChildProcessError(f"The site does not start; {self._log} says why")
        return time.perf_counter() - before

    def stop(self) -> float:
        """Ends the serving process as its owner does, and says how many seconds that took."""
        if self._serving is None:
            return 0.0
        before = time.perf_counter()
        self._serving.terminate()
        self._serving.communicate()
        self._serving = None
        return time.perf_counter() - before

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        note = find_serving(SiteFolder(self.root).serving)
        if note is None:
            raise ChildProcessError("The site is not served")
        return note.host, note.port

    @property
    def blobs(self) -> str:
        """The address of the blob channel."""
        host, port = self.address
        return f"http://{host}:{port}/blobs"

    def memory_mb(self, what: str) -> float:
        """Resident memory of the serving process: `VmRSS` now, `VmHWM` at its most."""
        if self._serving is None:
            raise ChildProcessError("The site is not served")
        status = Path(f"/proc/{self._serving.pid}/status").read_text(encoding="ascii")
        [line] = [line for line in status.splitlines() if line.startswith(f"{what}:")]
        return int(line.split()[1]) / 1024

    def connect(self) -> SiteClient:
        """The data scientist's way to the site."""
        host, port = self.address
        return SiteClient.connect(SITE, host, port, self.signer)

    def approved(
        self, client: SiteClient, name: str, *, rounds: int, steps: int, noise: int
    ) -> RequestId:
        """A study that was filed through PySyft, planned and approved."""
        file = self._folder / f"{name}.toml"
        text = _STUDY.format(
            name=name, rounds=rounds, steps=steps, noise=noise, parameters=PARAMETERS
        )
        file.write_text(text, encoding="utf-8")
        signed = write_request(load_study(file), SITE, _DANA, self.signer, clock().now())
        request = signed.request.request
        client.submit(signed)
        _wait(lambda: request in self._filed())
        plan = json.loads(self._command("request", "plan", request, "--json"))["digest"]
        self._command("request", "approve", request, "--plan", plan, "--reason", "benchmark")
        _wait(lambda: client.state(request).state is RequestState.APPROVED)
        return request

    def _filed(self) -> str:
        return self._command("request", "list", "--json")

    def _command(self, *words: str, at: str | None = None) -> str:
        place = ("--site", str(self.root)) if at is None else ()
        done = subprocess.run(
            [*_PROGRAM, *words, *place],
            cwd=self._folder,
            env=_environment(),
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise ChildProcessError(f"securefed {' '.join(words)}: {done.stderr}")
        return done.stdout


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONWARNINGS": "ignore"}


def _wait(done: Callable[[], bool], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            raise TimeoutError("The site did not follow its ledger")
        time.sleep(_LOOK_S)
