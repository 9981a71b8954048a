"""SCAFFOLD over several desks: the paper's numbers, whoever is missing, dies or lies.

The reference is option II of the paper in its own numbers. Its c_i are the sites', which here never
leave; where a site is missing, the reference leaves all of them as they were.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from securefed.adapters.blob_files.in_memory import MemoryWriter
from securefed.aggregation.combining.own_control_file import read_own
from securefed.aggregation.combining.rules import CONTROL
from securefed.aggregation.grid import Floats
from securefed.domain.blob import BlobId
from securefed.domain.combining import Combining, plain_combining
from securefed.domain.errand import Attempt, Control, Fetch, Phase, Report, Standing, Train
from securefed.domain.identifiers import Name
from securefed.domain.run_order import CORRECTION, UPDATE, WEIGHTS, RunOrder
from securefed.domain.schedule import Cosine, Schedule
from securefed.domain.study import Study
from securefed.errors import (
    BlobLengthWrong,
    ConfigInvalid,
    ControlUnfit,
    NotAllowedHere,
    NotFound,
    SecurefedError,
    SiteUnreachable,
    StorageFailed,
)
from tests.office import Files, Office, finished, honest, pilot
from tests.parties.test_study_run import SITES, Federation, Playable, Playing, dies_after, failing

pytestmark = pytest.mark.slow

STEPS, RATE = 5, 0.05
CURVES = dict(zip(SITES, ([1.0, 2, 3, 4], [4.0, 1, 2, 1], [2.0, 2, 6, 1]), strict=True))
CENTRES = dict(zip(SITES, ([0.1, 0, 0, 0.3], [0, 0.2, 0, -0.1], [0.3, 0, 0.1, 0]), strict=True))
FALLING = Schedule(course=Cosine(final=Decimal("0.5")), warm_up=2)


def combining(**changes: object) -> Combining:
    return replace(plain_combining(), control=True, site_schedule=FALLING, **changes)


def gradient(site: str, weights: Floats) -> Floats:
    return np.array(CURVES[site]) * (weights - np.array(CENTRES[site]))


def stepping(site: str) -> Playable:
    """A run that takes the engine's steps, without noise."""

    def play(given: Mapping[str, bytes], made: Files, order: RunOrder) -> Playing:
        yield from honest(given, made, order)
        assert order.control
        start = np.frombuffer(given.get(WEIGHTS, bytes(16)), "<f4").astype(np.float64)
        correction = np.frombuffer(given.get(CORRECTION, bytes(16)), "<f4") / (STEPS * RATE)
        here = start.copy()
        for _ in range(STEPS):
            here -= RATE * float(order.rate_factor) * (gradient(site, here) + correction)
        return finished(made, order, tuple(here - start))

    return play


def federation(folder: Path, rounds: int, **changes: object) -> Federation:
    folder.mkdir(exist_ok=True)
    said = {"combining": combining(), "rounds": rounds, "steps": STEPS, **changes}
    made = Federation(folder, said)
    for name in SITES:
        made.offices[name].play = stepping(name)
    return made


@dataclass
class Paper:
    """Option II in the paper's numbers: x the model, c and c_i mean gradients."""

    study: Study

    def __post_init__(self) -> None:
        self.x, self.c = np.zeros(4), np.zeros(4)
        self.own = {name: np.zeros(4) for name in SITES}

    def round(self, number: int, summed: tuple[str, ...] = SITES) -> None:
        rate = RATE * float(self.study.combining.site_factor(number, self.study.rounds))
        ends, after = {}, {}
        for name in summed:
            y = self.x.copy()
            for _ in range(STEPS):
                y = y - rate * (gradient(name, y) - self.own[name] + self.c)
            ends[name] = y
            after[name] = self.own[name] - self.c + (self.x - y) / (STEPS * rate)
        self.x = np.mean([ends[name] for name in summed], axis=0)
        if len(summed) == len(SITES):
            self.c = self.c + np.mean([after[name] - self.own[name] for name in SITES], axis=0)
            self.own = after


def expect(made: Federation, paper: Paper, rounds: int) -> None:
    state = made.run().state(rounds)
    np.testing.assert_allclose(state.weights, paper.x, rtol=1e-4, atol=1e-6)
    # Both c are those of whole rates.
    found = state.kept[CONTROL] / (STEPS * RATE)
    np.testing.assert_allclose(found, paper.c, rtol=1e-4, atol=1e-5)


def test_a_study_is_that_of_the_paper(tmp_path: Path) -> None:
    made = federation(tmp_path, rounds=6)
    made.run().run()
    paper = Paper(made.world.whole_study())
    for number in range(1, 7):
        paper.round(number)
    expect(made, paper, 6)
    assert made.run().state(6).controlled == 6
    orders = made.offices["hospital-a"].orders
    assert CORRECTION not in orders[0].given
    assert all(CORRECTION in order.given for order in orders[1:])
    without = federation(tmp_path / "free", rounds=6, combining=plain_combining())
    for name in SITES:
        without.offices[name].play = adding_nothing(stepping(name))
    without.run().run()
    assert not np.allclose(without.run().state(6).weights, paper.x, atol=1e-4)


def adding_nothing(play: Playable) -> Playable:
    """The same steps in a study without control."""

    def uncorrected(given: Mapping[str, bytes], made: Files, order: RunOrder) -> Playing:
        assert CORRECTION not in given
        assert not order.control
        return (yield from play(given, made, replace(order, control=True)))

    return uncorrected


def only_in(rounds: set[int], play: Playable, otherwise: Playable) -> Playable:
    """One way of running in some rounds, another one in the rest."""
    count = [0]

    def chosen(given: Mapping[str, bytes], made: Files, order: RunOrder) -> Playing:
        count[0] += 1
        return (yield from (play if count[0] in rounds else otherwise)(given, made, order))

    return chosen


def test_a_round_that_misses_a_site_moves_the_model_and_no_control_variate(tmp_path: Path) -> None:
    made = federation(tmp_path, rounds=5)
    # Fails before it has an update in the second round; in the fourth its update gets lost.
    made.offices["hospital-b"].play = only_in({2}, failing, stepping("hospital-b"))
    fetch, tries = made.remotes["hospital-b"].fetch, [0]

    def spoiled(ticket: str, target: Path) -> None:
        tries[0] += 1
        fetch(ticket, target)
        if tries[0] == 3:
            target.write_bytes(b"no update")

    made.remotes["hospital-b"].fetch = spoiled  # type: ignore[method-assign]  # a test's
    made.run().run()
    paper, moved = Paper(made.world.whole_study()), []
    for number in range(1, 6):
        others = ("hospital-a", "hospital-c")
        paper.round(number, others if number in (2, 4) else SITES)
        moved.append(made.run().state(number).controlled)
    assert moved == [1, 1, 3, 3, 5]
    expect(made, paper, 5)


def test_an_attempt_that_ends_between_its_own_file_and_its_commit_counts_for_nothing(
    tmp_path: Path,
) -> None:
    """Its next attempt in the same round takes its place; one in the last round has none."""
    made = federation(tmp_path, rounds=3, spare=1)
    office = made.offices["hospital-b"]
    writer, laid = office.blobs.writer, list[bool]()

    def full(blob: BlobId, length: int) -> MemoryWriter:
        if threading.current_thread().name.startswith("cr-"):
            laid.append(len(laid) + 1 in (2, 4))
            if laid[-1]:
                raise StorageFailed("The disk is full")
        return writer(blob, length)

    office.blobs.writer = full  # type: ignore[method-assign]  # a test's
    made.run().run()
    assert laid == [False, True, False, True]
    paper = Paper(made.world.whole_study())
    for number in (1, 2):
        paper.round(number)
    paper.round(3, ("hospital-a", "hospital-c"))
    expect(made, paper, 3)
    assert made.run().state(3).controlled == 2


def test_whoever_dies_anywhere_the_study_is_the_same(tmp_path: Path) -> None:
    """The coordinator after each of its writes, and every site's desk with it."""
    whole = federation(tmp_path / "whole", rounds=3)
    expected = whole.run().run()
    steps = whole.charged("hospital-a")
    for after in range(60):
        made = federation(tmp_path / str(after), rounds=3)
        died = dies_after(made, after, rounds=3)
        for office in made.offices.values():
            office.desk = office.new_desk()
            office.desk.begin()
        state = made.run().run()
        assert state.controlled == expected.controlled == 3
        np.testing.assert_array_equal(state.weights, expected.weights)
        np.testing.assert_array_equal(state.kept[CONTROL], expected.kept[CONTROL])
        assert [made.charged(name) for name in SITES] == [steps] * 3
        if not died:
            break
    else:
        raise AssertionError("the run never got through")


# --- at one site, against a coordinator that lies -------------------------------------------------

START = np.full(4, 0.5, "<f4").tobytes()


@pytest.fixture
def office() -> Office:
    made = Office(pilot(combining=combining(), rounds=4, steps=STEPS, spare=9))
    made.play = stepping("hospital-a")
    return made


def asked(
    office: Office, request: object, round: int, control: np.ndarray | bytes | None, of: int
) -> Standing:
    """An attempt at a round whose c is this one, from round `of`."""
    at = Attempt(round=round, attempt=1)
    weights = None if round == 1 else office.bring(request, START, round)
    brought = None
    if control is not None:
        content = control if isinstance(control, bytes) else control.astype("<f4").tobytes()
        brought = Control(digest=office.bring(request, content, round), round=of)
    office.desk.ask(
        request, Train(of=at, weights=weights, code=None, protection=None, control=brought)
    )
    office.settled()
    found = office.desk.ask(request, Report(of=at))
    assert isinstance(found, Standing)
    return found


LIES: dict[str, tuple[object, type[SecurefedError]]] = {
    "too short": (bytes(12), BlobLengthWrong),
    "too long": (bytes(20), BlobLengthWrong),
    "no number": (np.array([0, np.nan, 0, 0]), ControlUnfit),
    "infinite": (np.array([0, 0, -np.inf, 0]), ControlUnfit),
    "too large": (np.array([0, 0, 0, 2.2]), ControlUnfit),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_forged_control_variate_begins_no_step(office: Office, lie: str) -> None:
    request = office.approved()
    # The first round has half the rate, so its c may be twice as large as an update.
    assert asked(office, request, 1, None, 0).phase is Phase.DONE
    forged, error = LIES[lie]
    try:
        standing = asked(office, request, 2, forged, 1)
    except error:
        pass
    else:
        assert (standing.phase, standing.cause, standing.step) == (Phase.FAILED, error.code, 0)
    assert len(office.orders) == 1


@pytest.mark.parametrize(("round", "of"), [(2, 2), (2, 3), (3, 2), (4, 2)])
def test_a_control_variate_of_another_round_than_it_says_begins_no_step(
    office: Office, round: int, of: int
) -> None:
    """Of a round that has not been, or of one in which this site has no part."""
    request = office.approved()
    assert asked(office, request, 1, None, 0).phase is Phase.DONE
    try:
        standing = asked(office, request, round, np.zeros(4), of)
    except ControlUnfit:
        pass
    else:
        assert (standing.cause, standing.step) == ("control-unfit", 0)
    assert len(office.orders) == 1


def test_a_c_that_is_held_back_is_noticed(office: Office) -> None:
    """Once a site has taken part in a round that counts, no round begins as if there was none."""
    request = office.approved()
    asked(office, request, 1, None, 0)
    assert asked(office, request, 2, np.full(4, 0.1), 1).phase is Phase.DONE
    assert asked(office, request, 3, None, 0).cause == "control-unfit"
    assert asked(office, request, 4, np.full(4, 0.1), 2).phase is Phase.DONE


def test_a_site_that_lost_its_own_refuses_and_goes_on_where_none_was_needed(
    office: Office,
) -> None:
    request = office.approved()
    asked(office, request, 1, None, 0)
    own = office.folder / "kept" / f"{request}.control"
    content = own.read_bytes()
    own.write_bytes(content[:-1])
    assert asked(office, request, 2, np.full(4, 0.1), 1).cause == "control-unfit"
    own.unlink()
    assert asked(office, request, 3, np.full(4, 0.1), 1).cause == "control-unfit"
    assert asked(office, request, 4, None, 0).phase is Phase.DONE


def test_a_study_without_control_takes_none(tmp_path: Path) -> None:
    office = Office(pilot())
    request = office.approved()
    assert office.train(request).phase is Phase.DONE
    with pytest.raises(NotAllowedHere, match="no control variate"):
        asked(office, request, 2, np.zeros(4), 1)
    assert not list((office.folder / "kept").iterdir())


def test_a_sites_own_never_leaves(office: Office) -> None:
    """What it is lies in one file of the site; a run sees the difference to c, and what a run makes
    under such a name goes nowhere."""
    honest_play, seen = stepping("hospital-a"), list[set[str]]()

    def play(given: Mapping[str, bytes], made: Files, order: RunOrder) -> Playing:
        seen.append(set(given))
        done = yield from honest_play(given, made, order)
        made["control"] = made[CORRECTION] = b"forged"
        return replace(done, files=(*done.files, Name("control"), CORRECTION))

    office.play = play
    request = office.approved()
    asked(office, request, 1, None, 0)
    control = np.full(4, 0.01, np.float32)
    standing = asked(office, request, 2, control, 1)
    assert seen == [set(), {WEIGHTS, CORRECTION}]
    assert [one.file for one in standing.released] == [UPDATE]
    for file in ("control", CORRECTION, "kept"):
        with pytest.raises(NotFound):
            office.desk.ask(request, Fetch(of=Attempt(round=2, attempt=1), file=Name(file)))
    own = read_own((office.folder / "kept" / f"{request}.control").read_bytes(), 4)
    assert (own.round, own.pending and own.pending.round) == (1, 2)
    held = list(office.blobs._whole.values())
    assert all(own.values.tobytes() != content for content in held)


def test_an_office_that_has_no_more_use_for_it_forgets_it(office: Office) -> None:
    request = office.approved()
    asked(office, request, 1, None, 0)
    office.world.clock.time += timedelta(days=40)
    office.desk.tidy()
    assert not list((office.folder / "kept").glob("*.control"))


REFUSED: dict[str, Callable[[], object]] = {
    "a pull": lambda: combining(proximal=Decimal("0.1")),
    "drawn sites": lambda: combining(sites_per_round=2),
}


@pytest.mark.parametrize("what", REFUSED)
def test_control_goes_with_nothing_that_would_bend_it(what: str) -> None:
    with pytest.raises(ConfigInvalid, match="control goes with no"):
        REFUSED[what]()


def test_control_needs_equal_steps_everywhere() -> None:
    study = pilot(sites=SITES, minimum_sites=2, combining=combining()).whole_study()
    first, *others = study.participants
    longer = replace(first, training=replace(first.training, steps=first.training.steps + 1))
    with pytest.raises(ConfigInvalid, match="equally many steps"):
        replace(study, participants=(longer, *others))


def test_a_site_away_from_the_beginning_moves_no_control_variate(tmp_path: Path) -> None:
    made = federation(tmp_path, rounds=2)
    made.remotes["hospital-c"].trouble = [SiteUnreachable("away") for _ in range(500)]
    made.deadline_s = 1.5
    state = made.run().run()
    assert (state.steps, state.controlled) == (2, 0)
    assert all(CORRECTION not in one.given for one in made.offices["hospital-a"].orders)
