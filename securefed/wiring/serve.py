"""The composition root of a serving site: ledger, desk, walls, blob channel and PySyft, as one.

Importing this loads PySyft, which takes seconds; only `securefed site serve` does. Everything is
opened here and closed in the opposite order, whatever ends the site.
"""

import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from threading import Thread

from securefed.adapters.blob_files import FolderBlobs
from securefed.adapters.blob_http import BlobChannel
from securefed.adapters.data_files import FileWatch
from securefed.adapters.ed25519_keys import load_key, verify
from securefed.adapters.masking.stream import SecureChances
from securefed.adapters.sandbox import SandboxWalls, inspect_interpreter, sweep
from securefed.adapters.site_folder import ServingNote, forget_serving, note_serving
from securefed.adapters.syft_site.approved import attached
from securefed.adapters.syft_site.datasite import Root
from securefed.adapters.syft_site.mirror import Mirror
from securefed.adapters.syft_site.serving import RunningSite, SiteServer, serve
from securefed.adapters.syft_site.site_lock import check_folder
from securefed.adapters.this_machine import SystemClock, SystemEntropy
from securefed.config.site_settings import GIB, limits_of
from securefed.domain.blob import BlobId, Direction, SignedTicket
from securefed.domain.errand import Protection
from securefed.domain.identifiers import Line, Name, SiteId, Version
from securefed.domain.plan import ReviewPlan
from securefed.domain.round import RoundId
from securefed.domain.run_order import RunOrder
from securefed.domain.seal_terms import Here, expect_protection
from securefed.domain.site import DataCard
from securefed.domain.walls import Enclosure, Interpreter
from securefed.errors import SecurefedError
from securefed.parties.caretaker import Caretaker, Duties
from securefed.parties.desk import Desk
from securefed.parties.doorkeeper import Doorkeeper
from securefed.parties.room import Room
from securefed.parties.warm_runs import WarmRuns
from securefed.ports import Signer
from securefed.steps.admit_round import Gate
from securefed.steps.check_data import check_data
from securefed.steps.issue_ticket import issue_ticket
from securefed.steps.run_round import RoundTools
from securefed.wiring.opened_site import OpenSite, open_site
from securefed.wiring.seal import new_sealers
from securefed.wiring.site import RUNNER_LIBRARIES, tls_of

_RUNNER = ("-m", "securefed.wiring.runner")
_AT_ONCE = 2


def serve_site(
    root: Path, ready: Callable[[ServingNote], None], say: Callable[[str], None]
) -> None:
    """Serves the site of a folder until the process is asked to end."""
    opened = open_site(root)
    check_folder(opened.folder.root)
    settings, folder = opened.settings.serve, opened.folder
    tls = tls_of(folder, opened.settings, SystemClock().now())
    served = _Served(opened, say)
    server = SiteServer(
        folder=folder.datasite,
        name=opened.settings.site,
        root=_root(opened.settings.site),
        refused=lambda refused: served.doorkeeper.refused(Name(refused.reason)),
        host=settings.host,
        port=settings.port,
        tls=tls,
        blobs=served.channel,
        within=served.within,
    )

    def noted(running: RunningSite) -> None:
        note = ServingNote(
            host=Line(running.host),
            port=running.port,
            tls=tls is not None,
            pid=os.getpid(),
            since=SystemClock().now(),
        )
        note_serving(folder.serving, note)
        ready(note)

    try:
        serve(server, noted)
    finally:
        forget_serving(folder.serving)


class _Served:
    """A site's parts while it is served."""

    def __init__(self, opened: OpenSite, say: Callable[[str], None]) -> None:
        self._opened = opened
        self._say = say
        self._signer: Signer = load_key(opened.folder.site_key)
        self._watch = FileWatch()
        self._blobs = FolderBlobs(opened.folder.blobs, opened.settings.blobs.quota_gib * GIB)
        self.doorkeeper = Doorkeeper(opened.party.ledger)
        runner = opened.settings.runner
        self._runs = WarmRuns(
            SandboxWalls(opened.folder.runs),
            most=_AT_ONCE,
            idle_s=runner.warm_minutes * 60,
            monotonic=time.monotonic,
        )
        # Once a process: what is installed meanwhile is not what runs here.
        self._machine = cache(opened.party.probe.machine)
        self.desk = Desk(self._room())
        self.channel = BlobChannel(
            site=opened.settings.site,
            key=self._signer.key,
            verify=verify,
            clock=SystemClock(),
            store=self._blobs,
            serves=self.desk.serves,
            refused=self.doorkeeper.refused,
        )

    @contextmanager
    def within(self, running: RunningSite) -> Iterator[None]:
        """While the block runs, the desk answers and PySyft follows the ledger."""
        opened = self._opened
        sweep(opened.folder.runs)
        opened.folder.sweep_kept()
        # Beside the start: the first round would wait for what takes seconds with another Python.
        Thread(target=self._look_at_machine, name="machine", daemon=True).start()
        mirror = Mirror(
            running.datasite,
            opened.settings.site,
            mock=self._mock,
            file=opened.party.receive,
        )
        caretaker = Caretaker(
            Duties(
                ledger=opened.party.ledger,
                desk=self.desk,
                doorkeeper=self.doorkeeper,
                take_in=mirror.take_in,
                follow=mirror.follow,
                say=self._problem,
                halt=partial(os.kill, os.getpid(), signal.SIGTERM),
            )
        )
        with attached(opened.settings.site, self.desk.answer), caretaker.on_duty():
            yield

    def _look_at_machine(self) -> None:
        """What every round asks for is found once, and its owner hears early what is wrong."""
        try:
            self._machine()
            _interpreter(self._opened.settings.runner.python)
        except SecurefedError as error:
            self._problem(error)

    def _room(self) -> Room:
        opened = self._opened
        return Room(
            gate=Gate(
                machine=self._machine,
                blobs=self._blobs,
                entropy=SystemEntropy(),
                check_protection=self._check_protection,
            ),
            tools=RoundTools(
                ledger=opened.party.ledger,
                blobs=self._blobs,
                signer=self._signer,
                verify=verify,
                sealers=new_sealers,
                draw=SecureChances(),
            ),
            runs=self._runs,
            order=self._order,
            enclosure=self._enclosure,
            check_data=lambda card: check_data(card, opened.places, self._watch),
            workplace=opened.folder.workplace,
            kept=self._opened.folder.kept_of,
            control=self._opened.folder.control_of,
            forget_kept=self._opened.folder.forget_kept,
            ticket=self._ticket,
            refused=self.doorkeeper.refused,
            failed=self._failed,
            witness=opened.witness(),
            monotonic=time.monotonic,
        )

    def _order(self, plan: ReviewPlan) -> RunOrder:
        study, part, card = plan.request.study, plan.request.part, plan.card
        assets = self._opened.settings.runner.assets
        return RunOrder(
            recipe=study.recipe,
            model=study.model,
            training=part.training,
            metrics=part.metrics,
            tally=study.sealing.tally,
            proximal=study.combining.proximal,
            columns=card.columns,
            unit=card.unit,
            data=str(self._opened.places(card.dataset).data.resolve()),
            digest=card.data,
            assets=None if assets is None else str(assets.resolve()),
            given=(),
            fusion=study.fusion,
        )

    def _enclosure(self, plan: ReviewPlan) -> Enclosure:
        folder, runner = self._opened.folder, self._opened.settings.runner
        places = self._opened.places(plan.card.dataset)
        readable = [places.data, *places.folders, *([runner.assets] if runner.assets else [])]
        return Enclosure(
            sandbox=plan.machine.sandbox,
            interpreter=_interpreter(runner.python),
            arguments=_RUNNER,
            data=tuple(str(path.resolve()) for path in readable),
            hidden=folder.private,
            log=str(folder.logs.resolve() / f"{plan.request.request}.log"),
            gpu=runner.gpu,
            limits=limits_of(runner),
        )

    def _check_protection(self, plan: ReviewPlan, id: RoundId, protection: Protection) -> None:
        here = Here(
            site=plan.site,
            key=self._signer.key,
            units=plan.card.units,
            now=SystemClock().now(),
        )
        expect_protection(plan.request.study, id, protection, here, verify)

    def _ticket(self, blob: BlobId, direction: Direction, length: int) -> SignedTicket:
        return issue_ticket(
            self._opened.settings.site,
            blob,
            direction,
            length,
            clock=SystemClock(),
            entropy=SystemEntropy(),
            signer=self._signer,
        )

    def _mock(self, card: DataCard) -> bytes | None:
        return self._opened.places(card.dataset).mock.read_bytes()

    def _failed(self, id: RoundId, error: SecurefedError) -> None:
        self._tell(f"{id}: {error.code}: {error}")

    def _problem(self, error: SecurefedError) -> None:
        self._tell(f"{error.code}: {error}")

    def _tell(self, text: str) -> None:
        # A site goes on whose words lead to a full disk, or to a terminal that is gone.
        with suppress(OSError):
            self._say(text)


@cache
def _interpreter(program: Path | None) -> Interpreter:
    if program is not None:
        return inspect_interpreter(str(program), RUNNER_LIBRARIES)
    version = Version(".".join(map(str, sys.version_info[:3])))
    folders = tuple(dict.fromkeys((sys.prefix, sys.base_prefix)))
    return Interpreter(program=sys.executable, version=version, folders=folders, libraries=())


def _root(site: SiteId) -> Root:
    """PySyft's own first account. Owners work inside the process, so nobody knows its password."""
    return Root(name=site, email=f"owner@{site}.example.org", password=secrets.token_urlsafe(32))
