"""SIGKILL to every kind of process at random points of a study; afterwards everything adds up.

How long is told by SECUREFED_CHAOS_MINUTES, how many rounds by SECUREFED_CHAOS_ROUNDS, and which
points by SECUREFED_CHAOS_SEED. Each round is
charged once at each site that did it, and besides only attempts that the ledger names as failed;
what was made was charged before; the model moved by the mean of what the sites sealed, to the grid
of the seal; and a stranger finds nothing wrong with the evidence.
"""

import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from securefed.adapters.run_folder import RunLog
from securefed.aggregation.combining import read_state
from securefed.aggregation.grid import Values
from securefed.aggregation.plain_update import read_values, shortened
from securefed.domain.identifiers import Name, StudyId
from securefed.domain.request import RequestState
from securefed.domain.round import Round, RoundState
from securefed.wiring import evidence
from tests.chaos.federation import BOUND, COORDINATOR, CUSTODIANS, SITES, STEPS, Federation

pytestmark = pytest.mark.slow

MINUTES = Decimal(os.environ.get("SECUREFED_CHAOS_MINUTES", "0.5"))
SEED = int(os.environ.get("SECUREFED_CHAOS_SEED", "1"))
# So many that a machine with two idle cores is still at work when the time is over, and as many as
# an approval covers together with their spare attempts.
ROUNDS = int(os.environ.get("SECUREFED_CHAOS_ROUNDS", min(60, max(2, int(12 * MINUTES)))))
# A study that stands still ends the test.
PATIENCE_S = 900.0
# With what the coordinator may give up for now, while others are away.
AWAY = {"quorum-lost", "site-unreachable", "custodian-unreachable", "approval-missing"}
STUDY = StudyId("chaos")
EVERYBODY = (*SITES, *CUSTODIANS, COORDINATOR)


class Chaos:
    """Who is killed when, by chance."""

    def __init__(self, federation: Federation, seed: int) -> None:
        self.federation = federation
        self.killed: Counter[str] = Counter()
        self.gave_up: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._back: dict[str, float] = {}
        self._pause = Event()
        self.took_s, self._pause_s, self._hasty = 0.0, 0.0, False

    def until_the_study_ends(self, seconds: float) -> None:
        """Runs the study; kills for so long."""
        federation, began = self.federation, time.monotonic()
        next_kill = self._drawn(began)
        federation.start(COORDINATOR)
        while not self._ended():
            now = time.monotonic()
            assert now < began + seconds + PATIENCE_S, "the study does not end"
            for name in [one for one, due in self._back.items() if due <= now]:
                del self._back[name]
                federation.start(name)
            if not self._hasty and not all(map(federation.ready, EVERYBODY)):
                next_kill = max(next_kill, now + self._pause_s)
            if next_kill <= now < began + seconds:
                self._kill(now)
                next_kill = self._drawn(now)
            self._pause.wait(0.05)
        self.took_s = time.monotonic() - began

    def _drawn(self, now: float) -> float:
        """When somebody is killed next: some time after everybody is at work again, however slow
        the machine is; now and then while they still start."""
        self._hasty = self._chance.random() < 0.2
        self._pause_s = self._chance.uniform(0, 6)
        return now + self._pause_s

    def _ended(self) -> bool:
        federation = self.federation
        for name in set(federation.alive) - {COORDINATOR}:
            assert federation.ended(name) is None, federation.told(name)
        if COORDINATOR not in federation.alive:
            return False
        code = federation.ended(COORDINATOR)
        if code is None or code == 0:
            return code == 0
        said = federation.told(COORDINATOR)
        (why,) = re.findall(r"error\[([a-z-]+)\]", said)
        assert why in AWAY, said
        self.gave_up[why] += 1
        self._back[COORDINATOR] = time.monotonic()
        return False

    def _kill(self, now: float) -> None:
        """One process of one kind, each kind as often."""
        federation = self.federation
        kind = self._chance.choice(("site", "run", "custodian", "coordinator"))
        names = {"custodian": list(CUSTODIANS), "coordinator": [COORDINATOR]}.get(kind, [*SITES])
        name = self._chance.choice(names)
        if name not in federation.alive:
            return
        if kind == "run":
            self.killed[kind] += federation.kill_a_run(name)
            return
        federation.kill(name)
        self.killed[kind] += 1
        self._back[name] = now + self._chance.uniform(0, 3)


@pytest.fixture(scope="module")
def survived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    """A federation whose study ended, whatever was killed."""
    federation = Federation(tmp_path_factory.mktemp("chaos"), ROUNDS)
    chaos = Chaos(federation, SEED)
    try:
        federation.make()
        chaos.until_the_study_ends(float(MINUTES * 60))
        killed, gave_up = dict(chaos.killed), dict(chaos.gave_up)
        print(f"{ROUNDS} rounds in {chaos.took_s:.0f} s; killed: {killed}; gave up: {gave_up}")
        for name in SITES:
            federation.kill(name)
        yield federation
    finally:
        federation.close()


def attempts(federation: Federation, site: str) -> list[Round]:
    """Every attempt in a site's ledger."""
    books = federation.site(site).party.register().books.values()
    return [one for book in books for hold in book.holds.values() for one in hold.rounds.values()]


def test_every_round_is_done_and_counted(survived: Federation) -> None:
    assert survived.run.finished == ROUNDS
    counted = [one for one in RunLog(survived.run.log).lines() if one.part == "counted"]
    for number in range(1, ROUNDS + 1):
        assert len({one.site for one in counted if one.round == number}) >= 2


@pytest.mark.parametrize("site", SITES)
def test_no_charge_is_lost_and_none_is_made_twice(survived: Federation, site: str) -> None:
    found = attempts(survived, site)
    done = [one for one in found if one.state is RoundState.COMMITTED]
    assert len({one.id.round for one in done}) == len(done) <= ROUNDS
    assert {one.steps_charged for one in done} <= {STEPS}
    failed = [one for one in found if one not in done]
    assert {one.state for one in failed} <= {RoundState.ABORTED, RoundState.REFUNDED}
    for one in failed:
        assert one.cause is not None
        assert one.steps_charged in ((0,) if one.state is RoundState.REFUNDED else (0, STEPS))
    assert len(found) <= ROUNDS + survived.spare
    # An update exists only of an attempt whose every step was charged.
    made = {tuple(map(int, one.name.split(".")[:2])) for one in updates(survived, site)}
    paid = {(one.id.round, one.id.attempt) for one in found if one.steps_charged == STEPS}
    assert {(one.id.round, one.id.attempt) for one in done} <= made <= paid
    assert survived.site(site).verified().head.size


def updates(federation: Federation, site: str) -> list[Path]:
    """What a site was about to seal."""
    return list(federation.recorded(site).glob("*.update"))


def test_each_model_is_the_last_one_and_the_mean_of_what_was_sealed(survived: Federation) -> None:
    opened = survived.custodian("registry").party.study(STUDY).opened
    assert sorted(opened) == list(range(1, ROUNDS + 1))
    before = weights(survived, 1) - mean(survived, 1, opened[1].sites)
    assert not before.any() or np.abs(before).max() < 1e-3
    for number in range(2, ROUNDS + 1):
        moved = weights(survived, number) - weights(survived, number - 1)
        assert moved == pytest.approx(mean(survived, number, opened[number].sites), abs=1e-3)


def mean(federation: Federation, number: int, sites: tuple[str, ...]) -> Values:
    """The mean of what these sites sealed in a round's only attempt that counts."""
    found = []
    for site in sites:
        (done,) = [
            one
            for one in attempts(federation, site)
            if one.id.round == number and one.state is RoundState.COMMITTED
        ]
        content = (federation.recorded(site) / f"{number}.{done.id.attempt}.update").read_bytes()
        found.append(np.frombuffer(shortened(read_values(content, 2), BOUND), "<f4"))
    return np.mean(found, axis=0)


def weights(federation: Federation, number: int) -> Values:
    """The model after a round."""
    began = federation.run.began
    assert began is not None
    with (federation.run.models / f"state.{number}").open("rb") as file:
        server = began.study.combining.server
        return read_state(file, server, began.layout.digest, 2).weights


def test_a_stranger_finds_nothing_wrong(survived: Federation) -> None:
    own = [evidence.part_of_site(survived.place / site, STUDY) for site in SITES]
    own += [evidence.part_of_custodian(survived.place / name, STUDY) for name in CUSTODIANS]
    by = (Name(COORDINATOR), survived.place / f"{COORDINATOR}.key")
    document = evidence.checked(evidence.gathered(own, (), STUDY, {}, by))
    examined = evidence.verified(document, {}, ())
    assert examined.failed is None, examined.failed
    # Everybody signed what the others showed when the last round had been opened.
    unvouched = [one for one in examined.checks if "vouched for by others" in one.what]
    assert not [one for one in unvouched if one.what.startswith(tuple(CUSTODIANS))], unvouched
    assert len(list(survived.run.checkpoints.glob("*.checkpoint"))) >= 4


def test_no_request_holds_anything_any_more(survived: Federation) -> None:
    for name in SITES:
        register = survived.site(name).party.register()
        filed = register.request(survived.request(name))
        assert filed.state in (RequestState.COMPLETED, RequestState.APPROVED)
        assert not [one for one in attempts(survived, name) if one.open]
