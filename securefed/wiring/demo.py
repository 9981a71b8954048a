"""The composition root of the demonstration: a whole federation on this machine, in one folder.

A workload's sites and two custodians, each a process of its own, and in this process everybody
else: the sites' owner, their reviewer, the data scientist and the coordinator, with keys that were
just made. So what people decide is decided here; everything else is what it is anywhere.
"""

import importlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from securefed.adapters.started_programs import Program, StartedPrograms
from securefed.config import ServeSettings, load_study
from securefed.config.federation import load_federation
from securefed.domain.identifiers import AccountId, Line, Name, SiteId
from securefed.domain.key_card import Holds
from securefed.domain.plan import ReviewPlan
from securefed.domain.policy import Policy
from securefed.domain.request import RequestState
from securefed.domain.site import Account, Role
from securefed.domain.study import Study, Suite
from securefed.errors import ProgramFailed
from securefed.steps import prepare_site
from securefed.wiring import basics, opened_site
from securefed.wiring.custodian import init_custodian
from securefed.wiring.demo_data import (
    bring_pretrained,
    new_folders,
    pretrained_folder,
    write_text,
)
from securefed.wiring.export import ExportForm
from securefed.wiring.run import Wanted, Watch, opened_run
from securefed.wiring.study import OpenStudy, Ways, new_study, open_ways
from securefed.wiring.workloads.workload import BASELINE, Places, Workload

OWNER, REVIEWER = AccountId("olivia"), AccountId("ravi")
SCIENTIST, COORDINATOR = AccountId("dana"), AccountId("coordinator")
CUSTODIANS: Final[Mapping[str, Holds]] = {"registry": Holds.LATTICE, "council": Holds.MASK}
_REASON = Line("Demonstration")
_READY_S, _END_S, _ROUND_S, _LOOK_S = 600.0, 40.0, 3600.0, 0.1
_DAYS = "7"
# The first count in a study's file is that of its rounds.
_COUNT = re.compile(r"(?m)^count = \d+")


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What a site's reviewer decided about."""

    plan: ReviewPlan
    state: RequestState


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What is demonstrated: a workload, where its published files and pretrained models lie, and
    how many rounds, if not as many as its study says."""

    workload: Workload
    data: Path | None = None
    assets: Path | None = None
    rounds: int | None = None


class Demo:
    """The federation of a demonstration and everybody in it. The steps follow one another."""

    def __init__(self, root: Path, chosen: Chosen, study: Study, programs: StartedPrograms) -> None:
        self.root, self._chosen, self.workload = root, chosen, chosen.workload
        self.programs = programs
        self.federation = root / "federation.toml"
        self._written = study
        self._ways: Ways | None = None

    @property
    def sites(self) -> tuple[SiteId, ...]:
        """The sites of the study."""
        return tuple(one.site for one in self._written.participants)

    @property
    def custodians(self) -> Mapping[str, Holds]:
        """Who opens sums, and with which kind of key; nobody where the study seals nothing."""
        return {} if self._written.sealing.suite is Suite.NONE else CUSTODIANS

    @property
    def study_file(self) -> Path:
        """The study as it is filed, but for its keys."""
        return self.root / "study.toml"

    def key(self, who: AccountId) -> Path:
        """Somebody's private key."""
        return self.root / "keys" / f"{who}.key"

    def data(self, name: str) -> Path:
        """What describes a site's data, or the held-out ones."""
        return self.places.data / f"{name}.toml"

    @property
    def places(self) -> Places:
        """Where the workload's files are."""
        return Places(data=self.root / "data", assets=self.root / "assets")

    @cached_property
    def opened(self) -> OpenStudy:
        """The study, and the folder of its run."""
        return new_study(self.study_file, self.root / "run", self._with_keys)

    # --- setting up ------------------------------------------------------------------------------

    def found(self) -> None:
        """Makes everybody's keys, the data, the sites and the custodians."""
        for who in (REVIEWER, SCIENTIST, COORDINATOR):
            basics.new_key(self.key(who), who)
        workload, places = self.workload, self.places
        workload.write(workload.source(self._chosen.data), places)
        bring_pretrained(workload, self._chosen.assets, places)
        for site in self.sites:
            self._found_site(site)
        for name, holds in self.custodians.items():
            init_custodian(self.root / name, Name(name), holds)

    def _found_site(self, name: SiteId) -> None:
        title = Line(name.replace("-", " ").title())
        site = opened_site.init_site(
            *(self.root / name, name, title, OWNER), ServeSettings(port=0), self.places.assets
        )
        ledger, owner = site.party.ledger, site.acting(OWNER, None, _REASON)
        prepare_site.adopt_policy(ledger, _policy(self.workload.policy), owner)
        for who, role in ((SCIENTIST, Role.SCIENTIST), (REVIEWER, Role.REVIEWER)):
            key = basics.load_signer(self.key(who)).key
            prepare_site.admit_account(ledger, Account(account=who, key=key, roles=(role,)), owner)
        site.add_data(self.data(name), owner)
        asked = prepare_site.AllowanceAsked(
            dataset=self._written.participant(name).dataset,
            epsilon=self.workload.epsilon,
            delta=self.workload.delta,
        )
        prepare_site.grant_allowance(ledger, asked, owner)

    def start(self) -> None:
        """Starts the sites and the custodians, and notes where they are."""
        sites = [
            self.programs.start(name, "site", "serve", "--site", str(self.root / name), "--json")
            for name in self.sites
        ]
        agreed = [self._agree(name) for name in self.custodians]
        # PySyft takes seconds; meanwhile the others load it, too.
        importlib.import_module("securefed.adapters.syft_site.client")
        for one in agreed:
            self.programs.answer(one, _READY_S)
        custodians = [
            self.programs.start(
                *(name, "custodian", "serve", "--folder", str(self.root / name)),
                *("--port", "0", "--json"),
            )
            for name in self.custodians
        ]
        tables = [self._table("custodians", one) for one in custodians]
        tables = [*(self._table("sites", one) for one in sites), *tables]
        write_text(self.federation, "\n".join(tables))

    def _agree(self, custodian: str) -> Program:
        """Has a custodian agree to the study. Its keys are made in a process of its own: a
        coordinator that holds them has no way to prove that it can't open an update."""
        study, known = self._written, []
        for name in self.sites:
            key = opened_site.open_site(self.root / name).party.ledger.register().site.key
            known += ["--site", f"{name}={key}"]
        return self.programs.start(
            *(f"{custodian}-key", "custodian", "key", "new", study.study, *known, "--json"),
            *("--coordinator", basics.load_signer(self.key(COORDINATOR)).key),
            *("--folder", str(self.root / custodian), "--suite", study.sealing.suite),
            *("--quorum", str(study.minimum_sites), "--rounds", str(study.attempts)),
            *("--parameters", str(study.model.parameters), "--days", _DAYS),
        )

    def _table(self, kind: str, program: Program) -> str:
        told = self.programs.answer(program, _READY_S)
        return f'[{kind}.{program.name}]\nurl = "{told["address"]}"\nkey = "{told["key"]}"\n'

    # --- the study -------------------------------------------------------------------------------

    def file(self) -> None:
        """Dana files the study at the sites."""
        self._ways = open_ways(self.federation, self.key(SCIENTIST))
        for filing in self.opened.submit(self._ways, SCIENTIST, anew=False):
            if filing.error is not None:
                raise filing.error

    def approve(self) -> dict[SiteId, Decided]:
        """Ravi reads each site's plan and approves it, where the policy lets him."""
        decided = {name: self._decided(name) for name in self.sites}
        self._until("every site says that it approved", self._all_approved)
        return decided

    def _decided(self, name: SiteId) -> Decided:
        site, request = opened_site.open_site(self.root / name), self.opened.request(name)
        party, reviewer = site.party, site.acting(REVIEWER, self.key(REVIEWER), _REASON)
        self._until(f"{name} has the request", lambda: request in party.register().requests)
        plan = party.plan(request)
        party.approve(request, plan.digest, reviewer)
        return Decided(plan=plan, state=party.register().request(request).state)

    def _all_approved(self) -> bool:
        filings = self.opened.standing(self.ways)
        return all(one.state is RequestState.APPROVED for one in filings)

    def _until(self, what: str, true: Callable[[], bool]) -> None:
        """Waits: a served site and its ledger follow each other within a second or so."""
        ends = time.monotonic() + _READY_S
        while not true():
            if time.monotonic() > ends:
                raise ProgramFailed(f"This did not come about: {what}", where=self._logs)
            time.sleep(_LOOK_S)

    def run(self, watch: Watch) -> None:
        """Runs all rounds."""
        wanted = Wanted(
            file=self.study_file,
            coordinator=basics.load_signer(self.key(COORDINATOR)),
            assets=self.places.assets,
            deadline_s=_ROUND_S,
        )
        with opened_run(self.opened, self.ways, wanted, watch) as running:
            try:
                running.run()
            except BaseException:
                # Ctrl-C, too: the threads that visit sites see it at their next look.
                running.stop()
                raise
        form = ExportForm(assets=self.places.assets)
        self.opened.export(
            self.opened.folder.model, self.workload.delta, basics.accountant(), form=form
        )

    @property
    def _logs(self) -> str:
        return str(self.root / "logs")

    @property
    def ways(self) -> Ways:
        """Dana's ways to the sites."""
        if self._ways is None:
            raise ValueError("nothing was filed yet")
        return self._ways

    def close(self) -> None:
        """Ends dana's connections."""
        if self._ways is not None:
            self._ways.close()

    def _with_keys(self, study: Study) -> Study:
        if not self.custodians:
            return study
        found = load_federation(self.federation).custodians
        sealing = replace(
            study.sealing,
            coordinator=basics.load_signer(self.key(COORDINATOR)).key,
            custodians=tuple(sorted(one.key for one in found.values())),
        )
        return replace(study, sealing=sealing)


@contextmanager
def demonstrated(root: Path, chosen: Chosen, *, keep: bool) -> Iterator[Demo]:
    """A demonstration in a new folder. When the block ends, whatever was started has ended; with
    `keep` only if the block fails."""
    # What is missing is told before anything is made.
    chosen.workload.source(chosen.data)
    for one in chosen.workload.pretrained:
        pretrained_folder(one, chosen.assets)
    text = basics.shipped_file(chosen.workload.study).read_text(encoding="utf-8")
    if chosen.rounds is not None:
        text = _COUNT.sub(f"count = {chosen.rounds}", text, count=1)
    new_folders(root)
    write_text(root / "study.toml", text)
    programs = StartedPrograms(root / "logs")
    demo = Demo(root, chosen, load_study(root / "study.toml"), programs)
    left = False
    try:
        yield demo
        left = keep
    finally:
        demo.close()
        if not left:
            programs.stop(_END_S)


def _policy(name: str) -> Policy:
    return basics.find_policy(name if name == BASELINE else str(basics.shipped_file(name)))
