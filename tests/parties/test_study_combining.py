"""A study's own way of combining: its rule and rate, who is drawn, when it ends; restarts alike."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from securefed.domain.combining import Combining, EarlyStop, plain_combining
from securefed.domain.early_stopping import Aim, StoppingRule
from securefed.domain.errand import Attempt, Train
from securefed.domain.identifiers import Line, SiteId
from securefed.domain.records import to_bytes
from securefed.domain.run_order import METRICS, NoisyMetric, NoisyMetrics, RunOrder
from securefed.domain.schedule import Constant, Cosine, Schedule
from securefed.domain.server_rule import FedAdam, FedAvg, ServerMomentum
from securefed.errors import NotAllowedHere
from tests.office import Files, finished, honest
from tests.parties.test_study_run import SITES, Federation, Playable, Playing, dies_after

pytestmark = pytest.mark.slow

ADAM = FedAdam(rate=Decimal("0.1"), beta1=Decimal("0.9"), beta2=Decimal("0.99"), tau=Decimal("0.1"))
STOP = EarlyStop(
    metric=Line("accuracy"),
    rule=StoppingRule(aim=Aim.HIGHER, patience=2, window=1, margin=Decimal("0.01")),
)


def combining(**changes: object) -> Combining:
    return replace(plain_combining(), **changes)


def federation(folder: Path, chosen: Combining, rounds: int, **changes: object) -> Federation:
    folder.mkdir(exist_ok=True)
    measured = {"metrics_noise": Decimal(8)} if chosen.stop else {}
    made = Federation(folder, {"combining": chosen, "rounds": rounds, **measured, **changes})
    for place, name in enumerate(SITES):
        made.offices[name].play = measuring(0.1 * (place + 1), {})
    return made


def measuring(value: float, accuracies: Mapping[int, str]) -> Playable:
    """A run whose update is one value, and whose accuracy in its n-th round is given; in other
    rounds it is no figure."""
    rounds = Counter[str]()

    def play(given: Mapping[str, bytes], made: Files, order: RunOrder) -> Playing:
        yield from honest(given, made, order)
        done = finished(made, order, (value,) * 4)
        if order.metrics is None:
            return done
        rounds["all"] += 1
        said = accuracies.get(rounds["all"])
        one = NoisyMetric(name=Line("accuracy"), value=None if said is None else Decimal(said))
        made[METRICS] = to_bytes(NoisyMetrics(metrics=(one,), tally=()))
        return replace(done, files=(*done.files, METRICS))

    return play


def test_averages_move_the_model_by_the_studys_rule_and_rate(tmp_path: Path) -> None:
    course = Schedule(course=Cosine(final=Decimal("0.2")), warm_up=2)
    made = federation(tmp_path, combining(rule=ADAM, schedule=course), rounds=5)
    found = made.run().run().weights
    at, first, second = 0.0, 0.0, 0.1**2
    for factor in (0.5, 1, 0.8, 0.4, 0.2):
        first = 0.9 * first + 0.1 * 0.2
        second = 0.99 * second + 0.01 * 0.2**2
        at += 0.1 * factor * first / (second**0.5 + 0.1)
    assert found == pytest.approx([at] * 4, rel=1e-5)


def test_momentum_goes_on_over_a_restart(tmp_path: Path) -> None:
    rule = ServerMomentum(rate=Decimal(1), momentum=Decimal("0.5"))
    made = federation(tmp_path, combining(rule=rule), rounds=3)
    run = made.run()
    state = run._round(1, run.state(0))
    assert state.weights == pytest.approx([0.2] * 4)
    assert made.run().run().weights == pytest.approx([0.2 + 0.3 + 0.35] * 4)


def test_sites_are_told_how_strongly_they_are_pulled(tmp_path: Path) -> None:
    made = federation(tmp_path, combining(proximal=Decimal("0.01")), rounds=1)
    made.run().run()
    orders = [order for office in made.offices.values() for order in office.orders]
    assert [order.proximal for order in orders] == [Decimal("0.01")] * 3


def test_only_the_sites_that_are_drawn_train(tmp_path: Path) -> None:
    made = federation(tmp_path, combining(sites_per_round=2), rounds=6)
    state = made.run().run()
    study = made.world.whole_study()
    drawn = [study.sites_of(number) for number in range(1, 7)]
    assert len(set(drawn)) > 1
    for name in SITES:
        rounds = sum(name in one for one in drawn)
        assert made.charged(name) == rounds * made.world.steps
        assert len(made.offices[name].orders) == rounds
    values = dict(zip(SITES, (0.1, 0.2, 0.3), strict=True))
    expected = sum(np.mean([values[site] for site in one]) for one in drawn)
    assert state.weights == pytest.approx([expected] * 4)


def test_a_site_that_is_not_drawn_refuses_to_train(tmp_path: Path) -> None:
    made = federation(tmp_path, combining(sites_per_round=2), rounds=3)
    study = made.world.whole_study()
    (left_out,) = set(SITES) - set(study.sites_of(1))
    train = Train(of=Attempt(round=1, attempt=1), weights=None, code=None, protection=None)
    with pytest.raises(NotAllowedHere, match="does not ask this site"):
        made.offices[left_out].desk.ask(made.requests[left_out], train)
    assert made.charged(left_out) == 0
    assert SiteId(left_out) not in study.sites_of(1)


def stopping(
    folder: Path, accuracies: dict[int, str], rounds: int = 9, **more: object
) -> Federation:
    made = federation(folder, combining(stop=STOP, **more), rounds)
    for place, name in enumerate(SITES):
        made.offices[name].play = measuring(0.1 * (place + 1), accuracies)
    return made


def test_a_study_ends_once_its_metric_is_no_better(tmp_path: Path) -> None:
    made = stopping(tmp_path, {1: "0.5", 2: "0.6", 3: "0.605", 4: "0.6", 5: "0.9"})
    state = made.run().run()
    assert (state.steps, made.run().finished_rounds) == (4, 4)
    assert [made.charged(name) for name in SITES] == [4 * made.world.steps] * 3
    judged = [(one.round, one.words) for one in made.noted if one.part == "judge"]
    assert judged[-1] == (4, "no better for 2 of 2 rounds")
    again = made.run().run()
    assert again.steps == 4
    assert [made.charged(name) for name in SITES] == [4 * made.world.steps] * 3


def test_a_round_without_a_figure_is_left_out_of_the_judgement(tmp_path: Path) -> None:
    made = stopping(tmp_path, {1: "0.5", 4: "0.5", 6: "0.4"})
    assert made.run().run().steps == 6


def test_a_study_whose_metric_nobody_releases_runs_to_its_end(tmp_path: Path) -> None:
    assert stopping(tmp_path, {}, rounds=4).run().run().steps == 4


def test_without_a_rule_the_last_round_is_the_studys(tmp_path: Path) -> None:
    made = federation(tmp_path, combining(rule=FedAvg(rate=Decimal("0.5"))), rounds=3)
    assert made.run().run().weights == pytest.approx([0.3] * 4)
    assert not [one for one in made.noted if one.part == "judge"]


def test_a_coordinator_that_dies_anywhere_decides_as_if_it_had_not(tmp_path: Path) -> None:
    accuracies = {1: "0.5", 2: "0.5", 3: "0.4", 4: "0.9"}
    chosen = {
        "rule": ADAM,
        "schedule": Schedule(course=Constant(), warm_up=3),
        "sites_per_round": 2,
    }
    whole = stopping(tmp_path / "whole", accuracies, rounds=5, **chosen)
    expected = whole.run().run()
    charged = [whole.charged(name) for name in SITES]
    rounds = range(1, expected.steps + 1)
    released = [len(whole.released(number)) for number in rounds]
    assert (expected.steps, set(released)) == (3, {2})
    for after in range(60):
        made = stopping(tmp_path / str(after), accuracies, rounds=5, **chosen)
        died = dies_after(made, after, rounds=5)
        state = made.run().run()
        assert state.steps == expected.steps
        assert state.weights == pytest.approx(expected.weights)
        assert [made.charged(name) for name in SITES] == charged
        assert [len(made.released(number)) for number in rounds] == released
        if not died:
            break
    else:
        raise AssertionError("the run never got through")
