"""A study over several desks: rounds follow one another, whatever fails is named, nothing is done
twice."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from securefed.adapters.memory_round import MemoryFiles
from securefed.aggregation.combining import first_state
from securefed.aggregation.grid import Floats
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.identifiers import Name, RequestId, SiteId
from securefed.domain.records import from_bytes
from securefed.domain.run_order import NoisyMetrics, RunOrder
from securefed.domain.talk import Failed, Finished, FromRun, StepAsked, ToRun
from securefed.domain.update import Contributor, Roster
from securefed.domain.witnessing import KeyedNote, Witness, Witnessed
from securefed.errors import (
    CustodianUnreachable,
    QuorumLost,
    RoundOverdue,
    RunCancelled,
    SecurefedError,
    SiteUnreachable,
    StorageFailed,
)
from securefed.parties.checkpoint_exchange import CheckpointExchange, Kept, Shown
from securefed.parties.study_run import StudyRun
from securefed.parties.study_tools import Gathered, Member, Noted, RunPlan, RunTools
from securefed.ports import RoundFiles
from securefed.steps.await_custodian import Waiting
from securefed.steps.gather_plain import PlainCollecting, PlainRound
from tests.office import LAYOUT, DeskRemote, Files, Office, finished, honest, pilot

SITES = ("hospital-a", "hospital-b", "hospital-c")
Playing = Generator[FromRun, ToRun, Finished]
Playable = Callable[[Mapping[str, bytes], Files, RunOrder], Playing]


@dataclass
class Federation:
    """Three desks of one world, and what a coordinator has."""

    folder: Path
    changes: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        least = {"sites": SITES, "minimum_sites": 2, "rounds": 3, **self.changes}
        self.world = pilot(**least)
        self.offices = {name: Office(self.world, name=name) for name in SITES}
        self.remotes = {name: DeskRemote(one) for name, one in self.offices.items()}
        self.requests = {name: one.approved() for name, one in self.offices.items()}
        self.models = MemoryFiles()
        self.rounds: dict[int, MemoryFiles] = {}
        self.noted: list[Noted] = []
        self.checkpoints: dict[str, Checkpoint] = {}
        self.told: list[tuple[int, Name, SecurefedError]] = []
        self.deadline_s = 20.0

    def run(self) -> StudyRun:
        """A coordinator's process, over the files that are there."""
        members = tuple(
            Member(site=SiteId(name), request=self.requests[name], remote=self.remotes[name])
            for name in SITES
        )
        study = self.world.whole_study()
        zeros = np.zeros(study.model.parameters, np.float32)
        plan = RunPlan(
            study=study,
            layout=LAYOUT,
            first=lambda: first_state(study.combining.server, LAYOUT, zeros),
            figures=_no_figures,
            code=None,
            deadline_s=self.deadline_s,
        )
        tools = RunTools(
            models=self.models,
            round_files=self._files,
            gather=self._gather,
            released=self.released,
            folder=self.folder,
            monotonic=time.monotonic,
            note=self.noted.append,
            on_standing=lambda *_: None,
            exchange=self.exchange(),
        )
        return StudyRun(plan, members, tools)

    def exchange(self) -> CheckpointExchange:
        """The exchange of checkpoints among the desks."""
        parties = [
            Shown(
                name=Name(name),
                key=self.world.keys.signer(name).key,
                ask=partial(_shown, self.remotes[name], self.requests[name]),
            )
            for name in SITES
        ]
        kept = Kept(
            of=self.checkpoints.get, keep=lambda one: self.checkpoints.update({one.site: one})
        )
        return CheckpointExchange(
            parties, self.world.keys.verify, kept, lambda *told: self.told.append(told)
        )

    def charged(self, name: str) -> int:
        """How many steps a site has charged."""
        office = self.offices[name]
        hold = office.ledger.register().book("admissions").holds[self.requests[name]]
        return sum(one.steps_charged for one in hold.rounds.values())

    def released(self, number: int) -> list[NoisyMetrics]:
        """What sites released in a round."""
        files = self.rounds[number]
        found = [name for name in files.names() if name.endswith(".metrics")]
        return [from_bytes(NoisyMetrics, files.opener(name)().read()) for name in found]

    @contextmanager
    def _files(self, number: int) -> Iterator[RoundFiles]:
        yield self.rounds.setdefault(number, MemoryFiles())

    def _gather(self, number: int, files: RoundFiles, _waiting: Waiting) -> Gathered:
        about = PlainRound(
            study=self.world.whole_study().study,
            round=number,
            roster=Roster(
                contributors=tuple(
                    Contributor(site=SiteId(name), key=self.world.keys.signer(name).key, weight=1)
                    for name in self.world.whole_study().sites_of(number)
                )
            ),
            layout=LAYOUT,
            parameters=self.world.whole_study().model.parameters,
        )
        gathering = PlainCollecting(files, about)
        return Gathered(gathering=gathering, protection=None, lattice=None, closed=False)


def _shown(remote: DeskRemote, request: RequestId, notes: tuple[KeyedNote, ...]) -> Witnessed:
    answer = remote.ask(request, Witness(notes=notes))
    assert isinstance(answer, Witnessed)
    return answer


def _no_figures(_tally: Floats) -> NoisyMetrics:
    raise AssertionError("nothing is summed here")


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    return Federation(tmp_path)


def adding(value: float) -> Playable:
    """A run whose update is one value everywhere."""

    def play(_: Mapping[str, bytes], made: Files, order: RunOrder) -> Playing:
        yield from honest({}, made, order)
        return finished(made, order, (value,) * 4)

    return play


def failing(_: Mapping[str, bytes], __: Files, ___: RunOrder) -> Playing:
    yield StepAsked(step=1)
    yield Failed(code=Name("training-failed"))
    raise AssertionError


def test_every_round_moves_the_model_by_the_mean(federation: Federation) -> None:
    for name, value in zip(SITES, (0.1, 0.2, 0.3), strict=True):
        federation.offices[name].play = adding(value)
    state = federation.run().run()
    assert state.weights == pytest.approx([0.6] * 4)
    given = [order.given for order in federation.offices["hospital-a"].orders]
    assert given == [(), ("weights",), ("weights",)]
    assert federation.run().finished_rounds == 3


def test_sites_begin_where_the_last_round_ended(federation: Federation) -> None:
    seen: list[bytes] = []

    def play(given: Mapping[str, bytes], made: Files, order: RunOrder) -> Playing:
        seen.append(given.get("weights", b""))
        yield from honest({}, made, order)
        return finished(made, order, (0.5,) * 4)

    for office in federation.offices.values():
        office.play = play
    federation.run().run()
    starts = [np.frombuffer(one, "<f4").tolist() for one in seen if one]
    assert sorted(starts) == [[0.5] * 4] * 3 + [[1.0] * 4] * 3


def test_a_site_that_fails_is_named_and_left_out_while_the_quorum_holds(
    federation: Federation,
) -> None:
    federation.offices["hospital-b"].play = failing
    federation.run().run()
    failures = [one for one in federation.noted if one.part == "site-failed"]
    assert {one.site for one in failures} == {"hospital-b"}
    assert "training-failed" in failures[0].words


def test_below_the_quorum_the_round_stays_open_and_goes_on_later(federation: Federation) -> None:
    for name in ("hospital-b", "hospital-c"):
        federation.remotes[name].trouble = [SiteUnreachable("away") for _ in range(50)]
    federation.deadline_s = 0.5
    with pytest.raises(QuorumLost, match="hospital-b"):
        federation.run().run()
    before = federation.charged("hospital-a")
    for name in ("hospital-b", "hospital-c"):
        federation.remotes[name].trouble = []
    federation.deadline_s = 20
    federation.run().run()
    assert federation.charged("hospital-a") == 3 * before
    assert federation.charged("hospital-b") == 3 * before


def test_a_spare_attempt_follows_a_failed_one(tmp_path: Path) -> None:
    federation = Federation(tmp_path, {"spare": 1, "rounds": 1})
    tries: list[int] = []

    def play(given: Mapping[str, bytes], made: Files, order: RunOrder) -> Playing:
        tries.append(1)
        return (yield from (failing if len(tries) == 1 else honest)(given, made, order))

    federation.offices["hospital-b"].play = play
    federation.run().run()
    assert len(tries) == 2
    assert not [one for one in federation.noted if one.part == "site-failed"]


def test_a_coordinator_that_dies_anywhere_trains_nothing_twice(tmp_path: Path) -> None:
    whole = Federation(tmp_path / "whole", {"rounds": 2})
    (tmp_path / "whole").mkdir()
    expected = whole.run().run().weights
    steps = whole.charged("hospital-a")
    for after in range(40):
        folder = tmp_path / str(after)
        folder.mkdir()
        federation = Federation(folder, {"rounds": 2})
        died = dies_after(federation, after)
        state = federation.run().run()
        assert state.weights == pytest.approx(expected)
        assert [federation.charged(name) for name in SITES] == [steps] * 3
        if not died:
            break
    else:
        raise AssertionError("the run never got through")


def dies_after(federation: Federation, calls: int, rounds: int = 2) -> bool:
    """A run whose files fail after so many writes, as if the process had been killed."""
    left = [calls]

    def dying(files: MemoryFiles) -> MemoryFiles:
        put = files.put

        def once(name: str, parts: object) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise StorageFailed("killed")
            put(name, parts)

        files.put = once  # type: ignore[method-assign]  # a test's
        return files

    federation.models = dying(MemoryFiles())
    federation.rounds = {one: dying(MemoryFiles()) for one in range(1, rounds + 1)}
    try:
        federation.run().run()
    except SecurefedError:
        died = True
    else:
        died = False
    for files in (federation.models, *federation.rounds.values()):
        del files.put
    for office in federation.offices.values():
        office.settled()
    return died


def test_a_run_that_is_stopped_says_so_and_can_go_on(federation: Federation) -> None:
    run = federation.run()
    run.stop()
    with pytest.raises(RunCancelled):
        run.run()
    assert federation.run().run().steps == 3


def test_a_run_that_is_stopped_awaits_no_custodian(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        run.stop()
        raise CustodianUnreachable("away")

    def gather(_number: int, _files: RoundFiles, waiting: Waiting) -> Gathered:
        waiting.ask(Name("registry"), away)
        raise AssertionError("nobody answered")

    monkeypatch.setattr(federation, "_gather", gather)
    run = federation.run()
    with pytest.raises(RunCancelled):
        run.run()
    [said] = federation.noted
    assert (said.round, said.site, said.part) == (1, None, "custodian-unreachable")
    assert said.words == "registry: away; it is asked again for 20 seconds"


def test_a_site_that_is_too_late_is_told_to_end(federation: Federation) -> None:
    import threading

    gate = threading.Event()

    def slow(given: Mapping[str, bytes], made: Files, order: RunOrder) -> Playing:
        yield StepAsked(step=1)
        assert gate.wait(20)
        return (yield from honest(given, made, order))

    federation.offices["hospital-c"].play = slow
    federation.deadline_s = 0.5
    federation.changes["rounds"] = 1
    run = federation.run()
    run._round(1, run.state(0))
    *_, late = [one for one in federation.noted if one.site == "hospital-c"]
    assert late.part == RoundOverdue.code
    gate.set()
    federation.offices["hospital-c"].settled()
    (attempt,) = (
        federation.offices["hospital-c"]
        .ledger.register()
        .book("admissions")
        .holds[federation.requests["hospital-c"]]
        .rounds.values()
    )
    assert attempt.cause == "run-cancelled"


def test_a_site_that_lies_about_its_update_is_left_out(federation: Federation) -> None:
    def sends_too_little(ticket: str, target: Path) -> None:
        target.write_bytes(b"abc")

    federation.remotes["hospital-a"].fetch = sends_too_little  # type: ignore[method-assign]
    federation.run().run()
    assert {one.part for one in federation.noted if one.site == "hospital-a" and one.words} == {
        "update-unusable"
    }
