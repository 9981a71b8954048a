"""A desk in memory for tests: a world's site, a run that a test plays, blobs in a dictionary.

office = Office(World(...))
office.approved()                  # the request, filed and approved
office.train()                     # asks, and waits until the attempt is over
"""

import hashlib
import tempfile
import threading
from collections.abc import Callable, Generator, Mapping, MutableMapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np

from securefed.adapters.blob_files import MemoryBlobs
from securefed.adapters.memory import MemorySeen
from securefed.adapters.memory_walls import MemoryWalls
from securefed.adapters.site_folder import SiteFolder
from securefed.domain import rules as every
from securefed.domain.blob import BlobId, Direction, SignedTicket, read_ticket
from securefed.domain.canonical import digest_of
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.errand import (
    Answer,
    Attempt,
    Errand,
    Report,
    Standing,
    Ticketed,
    Train,
    errand_text,
    read_errand,
)
from securefed.domain.identifiers import Digest, Name, RequestId, Sentence, SiteId, Version
from securefed.domain.plan import ReviewPlan
from securefed.domain.records import to_bytes
from securefed.domain.request import RequestState, SignedRequest
from securefed.domain.round import RoundId
from securefed.domain.run_order import ABOUT, UPDATE, AboutUpdate, RunOrder, read_order
from securefed.domain.site import DataCard
from securefed.domain.study import Suite
from securefed.domain.talk import Begin, Finished, FromRun, Ready, StepAsked, StepGranted, ToRun
from securefed.domain.token import Execution
from securefed.domain.walls import Enclosure, Interpreter
from securefed.errors import SecurefedError
from securefed.parties.desk import Desk
from securefed.parties.room import Room
from securefed.parties.warm_runs import WarmRuns
from securefed.parties.witness import OwnLedger, PartyWitness
from securefed.steps.admit_round import Gate
from securefed.steps.issue_ticket import issue_ticket
from securefed.steps.run_round import RoundTools
from tests.world import REVIEWER, World

Files: TypeAlias = MutableMapping[str, bytes]
Play: TypeAlias = Generator[FromRun | bytes, ToRun, None]
LAYOUT = digest_of("test-layout", b"")
PATIENCE = 10.0


def pilot(**changes: object) -> World:
    """A world whose policy lets one site send what is noised, unsealed."""
    sealed = (every.SealingRequired, every.ReleaseTypes, every.MinimumSites)
    kept = tuple(rule for rule in World().rules if not isinstance(rule, sealed))
    lone = {"sites": ("hospital-a",), "minimum_sites": 1, "suite": Suite.NONE, "parameters": 4}
    return World(rules=kept, **{**lone, **changes})


@dataclass
class Office:
    """One site with its desk. What a run does is `play`, which a test may replace."""

    world: World = field(default_factory=pilot)
    play: (
        Callable[[Mapping[str, bytes], Files, RunOrder], Generator[FromRun, ToRun, Finished]] | None
    ) = None
    most: int = 1
    name: str = "hospital-a"

    def __post_init__(self) -> None:
        self.party = self.world.site(self.name)
        self.ledger = self.party.ledger
        self.blobs = MemoryBlobs(2**20)
        self.started: list[Enclosure] = []
        self.orders: list[RunOrder] = []
        self.refused: list[Name] = []
        self.failed: list[SecurefedError] = []
        self.drifted: SecurefedError | None = None
        self.time = 0.0
        self.seen, self.kept = MemorySeen(), list[Checkpoint]()
        self.witness = PartyWitness(
            Name(self.name),
            self.world.keys.signer(self.name),
            self.world.keys.verify,
            OwnLedger(
                newest=self.ledger.checkpoint,
                contains=self.ledger.check_contains,
                keep=self.kept.append,
            ),
            self.seen,
        )
        self.folder = Path(tempfile.mkdtemp(prefix="securefed-office-"))
        (self.folder / "kept").mkdir()
        self.desk = self.new_desk()

    def new_desk(self) -> Desk:
        """A desk as a process that was started again would have it."""
        walls = MemoryWalls(self._program)
        self.runs = WarmRuns(
            _Counted(walls, self.started), most=self.most, idle_s=60, monotonic=lambda: self.time
        )
        return Desk(self._room())

    def approved(self) -> RequestId:
        """A request that may run."""
        name = self.world.file(self.party)
        plan = self.party.plan(name)
        self.party.approve(name, plan.digest, self.world.acting(REVIEWER))
        return name

    def ask(self, request: RequestId, errand: Errand) -> object:
        """The desk's answer."""
        return self.desk.ask(request, errand)

    def train(
        self, request: RequestId, round: int = 1, attempt: int = 1, weights: Digest | None = None
    ) -> Standing:
        """Asks for an attempt, and waits for its end."""
        of = Attempt(round=round, attempt=attempt)
        self.desk.ask(request, Train(of=of, weights=weights, code=None, protection=None))
        self.settled()
        found = self.desk.ask(request, Report(of=of))
        assert isinstance(found, Standing)
        return found

    def settled(self) -> None:
        """Waits for every attempt under way."""
        for thread in threading.enumerate():
            if thread.name.startswith("cr-"):
                thread.join(PATIENCE)
                assert not thread.is_alive()

    def bring(self, request: RequestId, content: bytes, round: int, attempt: int = 1) -> Digest:
        """Lays a blob where the channel would."""
        digest = Digest("sha256:" + hashlib.sha256(content).hexdigest())
        id = RoundId(request=request, round=round, attempt=attempt)
        with closing(self.blobs.writer(BlobId(of=id, digest=digest), len(content))) as writer:
            writer.write(content)
            writer.finish()
        return digest

    def fetched(self, answer: object) -> bytes:
        """The bytes that a ticket is for."""
        assert isinstance(answer, Ticketed)
        assert answer.ticket is not None
        ticket = read_ticket(str(answer.ticket)).ticket
        assert ticket.direction is Direction.DOWNLOAD
        with self.blobs.open(ticket.blob) as file:
            return file.read()

    def _room(self) -> Room:
        world, signer = self.world, self.world.keys.signer(self.name)
        return Room(
            gate=Gate(
                machine=self.party.probe.machine,
                blobs=self.blobs,
                entropy=world.entropy,
                check_protection=lambda *_: None,
            ),
            tools=RoundTools(
                ledger=self.ledger,
                blobs=self.blobs,
                signer=signer,
                verify=world.keys.verify,
                sealers=_no_sealers,
                draw=_no_draw,
            ),
            runs=self.runs,
            order=self._order,
            enclosure=_enclosure,
            check_data=self._check_data,
            workplace=self._workplace,
            kept=SiteFolder(self.folder).kept_of,
            control=SiteFolder(self.folder).control_of,
            forget_kept=SiteFolder(self.folder).forget_kept,
            ticket=self._ticket,
            refused=self.refused.append,
            failed=lambda _, error: self.failed.append(error),
            witness=self.witness,
            monotonic=lambda: self.time,
        )

    def _check_data(self, _card: DataCard) -> None:
        if self.drifted is not None:
            raise self.drifted

    def _workplace(self) -> AbstractContextManager[Path]:
        return _Folder(dir=self.folder)

    def _ticket(self, blob: BlobId, direction: Direction, length: int) -> SignedTicket:
        return issue_ticket(
            SiteId(self.name),
            blob,
            direction,
            length,
            clock=self.world.clock,
            entropy=self.world.entropy,
            signer=self.world.keys.signer(self.name),
        )

    def _order(self, plan: ReviewPlan) -> RunOrder:
        part, study = plan.request.part, plan.request.study
        return RunOrder(
            recipe=study.recipe,
            model=study.model,
            training=part.training,
            metrics=part.metrics,
            tally=study.sealing.tally,
            proximal=study.combining.proximal,
            columns=plan.card.columns,
            unit=plan.card.unit,
            data="/data/admissions.csv",
            digest=plan.card.data,
            assets=None,
            given=(),
            fusion=study.fusion,
        )

    def _program(self, given: Mapping[str, bytes], made: Files) -> Play:
        said: FromRun = Ready()
        while True:
            begin = yield said
            if not isinstance(begin, Begin):
                return
            order = read_order(begin.document)
            self.orders.append(order)
            said = yield from (self.play or honest)(given, made, order)


def honest(
    _given: Mapping[str, bytes], made: Files, order: RunOrder
) -> Generator[FromRun, ToRun, Finished]:
    """A run that does what it was asked to."""
    for step in range(1, order.training.steps + 1):
        answer = yield StepAsked(step=step)
        assert answer == StepGranted(step=step)
    return finished(made, order)


def finished(
    made: Files, order: RunOrder, values: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4)
) -> Finished:
    """The end of a round, its files made."""
    made[UPDATE] = np.array(values, dtype="<f4").tobytes()
    made[ABOUT] = to_bytes(AboutUpdate(layout=LAYOUT, parameters=order.model.parameters))
    return Finished(executed=executed(order), files=(UPDATE, ABOUT))


def executed(order: RunOrder) -> Execution:
    """What the test's machine runs."""
    machine = World().machine.machine()
    return Execution(
        code=machine.package_digest,
        own_code=order.recipe.own_code,
        data=order.digest,
        engine=machine.package,
        training=order.training,
        metrics=order.metrics,
    )


@dataclass
class _Counted:
    walls: MemoryWalls
    started: list[Enclosure]

    def start(self, enclosure: Enclosure) -> object:
        self.started.append(enclosure)
        return self.walls.start(enclosure)


class DeskRemote:
    """A desk as the coordinator calls it. `trouble` is raised by a call, when the test sets it."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.trouble: list[SecurefedError] = []

    def submit(self, signed: SignedRequest) -> None:
        if signed.request.request not in self.office.ledger.register().requests:
            self.office.party.receive(signed)

    def state(self, request: RequestId) -> RequestState:
        return self.office.ledger.register().request(request).state

    def ask(self, request: RequestId, errand: Errand) -> Answer:
        if self.trouble:
            raise self.trouble.pop()
        return self.office.desk.ask(request, read_errand(errand_text(errand)))

    def send(self, ticket: str, source: Path) -> None:
        found = read_ticket(ticket).ticket
        with closing(self.office.blobs.writer(found.blob, found.length)) as writer:
            writer.write(source.read_bytes())
            writer.finish()

    def fetch(self, ticket: str, target: Path) -> None:
        target.write_bytes(self.office.fetched(Ticketed(ticket=Sentence(ticket))))


class _Folder(tempfile.TemporaryDirectory[str]):
    def __enter__(self) -> Path:  # type: ignore[override]  # a path is what is wanted
        return Path(super().__enter__())


def _enclosure(plan: ReviewPlan) -> Enclosure:
    return Enclosure(
        sandbox=plan.machine.sandbox,
        interpreter=Interpreter(
            program="/usr/bin/python3", version=Version("3.11.2"), folders=(), libraries=()
        ),
        arguments=(),
        data=(),
        hidden=(),
        log="/tmp/log",  # noqa: S108 - never written
    )


def _no_sealers(*_: object) -> object:
    raise AssertionError("nothing is sealed here")


def _no_draw(_count: int) -> object:
    raise AssertionError("nothing is drawn here")
