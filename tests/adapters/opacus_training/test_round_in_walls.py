"""A round as the runner does it: what it makes, what it says of it, and when it makes nothing."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load

import securefed
from securefed.adapters.opacus_training.evaluation import evaluate_public
from securefed.adapters.opacus_training.round_in_walls import RoundsInWalls
from securefed.adapters.opacus_training.run import TrainingRun
from securefed.adapters.this_machine import ThisMachine
from securefed.adapters.this_machine.probe import files_digest
from securefed.domain.canonical import digest_of
from securefed.domain.identifiers import Name
from securefed.domain.privacy import GaussianRelease
from securefed.domain.records import from_bytes
from securefed.domain.run_order import (
    ABOUT,
    CORRECTION,
    KEPT,
    METRICS,
    OWN_CODE,
    UPDATE,
    WEIGHTS,
    AboutUpdate,
    NoisyMetrics,
    RunOrder,
)
from securefed.domain.site import ColumnType
from securefed.domain.study import OWN_CODE_KIND, Model
from securefed.domain.talk import Begin
from securefed.domain.token import Execution, approved_execution, departures
from securefed.errors import RunCancelled
from securefed.recipes.files.opening import open_source
from securefed.recipes.layout import row_bytes
from securefed.recipes.registry import recipe_for
from securefed.wiring.runner import serve
from tests.adapters.opacus_training.plain import mechanism
from tests.adapters.ordered import (
    TABULAR_PARAMETERS,
    TYPES,
    an_order,
    expected,
    people,
    row_of,
    with_given,
)
from tests.recipes.stated import stated
from tests.world import World

pytestmark = pytest.mark.slow

PACKAGE = Path(securefed.__file__).parent
OWN = """
import torch
def model(): return torch.nn.Linear(1, 1)
def collate(records):
    ages = [float(age) for age in records.columns["age"]]
    return {"x": (torch.tensor(ages).unsqueeze(1) - 55) / 20}
def losses(model, batch): return model(batch["x"]).squeeze(1).square()
def mock(records, seed): return {"age": [20 + 7 * i % 70 for i in range(records)]}
"""
TELLTALE = """
def losses(model, batch):
    if len(batch["x"]) > 20: raise ValueError(f"secret {batch['x'][0]}")
    return model(batch["x"]).squeeze(1).square()
"""
RATINGS = {"user": ColumnType.INTEGER, "item": ColumnType.INTEGER, "rating": ColumnType.DECIMAL}


class Line:
    """A site's line without a site: it gives the orders, and grants every step."""

    def __init__(self, folder: Path) -> None:
        self.given, self.made = folder / "in", folder / "out"
        self.given.mkdir()
        self.made.mkdir()
        self.orders: list[str] = []
        self.steps: list[int] = []
        self.ended: list[object] = []
        self.gone = False
        self.on_step: Callable[[int], object] = lambda _: None

    def next_round(self) -> Begin | None:
        return Begin(document=self.orders.pop(0)) if self.orders else None

    def before_step(self, step: int) -> None:
        if self.gone:
            raise RunCancelled("The site has ended the conversation")
        self.steps.append(step)
        self.on_step(step)

    def finished(self, executed: Execution, files: tuple[Name, ...]) -> None:
        self.ended.append((executed, files))

    def failed(self, code: Name) -> None:
        self.ended.append(code)

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.made.iterdir()}


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


@pytest.fixture
def rounds() -> Iterator[RoundsInWalls]:
    rounds = RoundsInWalls(files_digest(PACKAGE), lambda: files_digest(PACKAGE))
    yield rounds
    rounds.close()


@pytest.fixture
def order(tmp_path: Path) -> RunOrder:
    return an_order(people(tmp_path))


def done(line: Line, rounds: RoundsInWalls, order: RunOrder) -> tuple[Execution, tuple[Name, ...]]:
    """What a round says that went well."""
    line.orders.append(order.text())
    serve(line, rounds)
    ended = line.ended.pop()
    assert isinstance(ended, tuple), ended
    return ended


def failure(line: Line, rounds: RoundsInWalls, order: RunOrder) -> object:
    """What is said of a round that fails; nothing was made."""
    line.orders.append(order.text())
    serve(line, rounds)
    assert line.files() == {}
    return line.ended.pop()


def test_an_order_says_how_strongly_steps_are_pulled(
    line: Line, rounds: RoundsInWalls, order: RunOrder
) -> None:
    training = replace(order.training, steps=20)
    free, pulled = (replace(order, training=training, proximal=one) for one in (None, Decimal(1)))
    went = []
    for one in (free, pulled):
        done(line, rounds, one)
        went.append(np.linalg.norm(row_of(line.files()[UPDATE])))
        for path in line.made.iterdir():
            path.unlink()
    assert went[1] < 0.8 * went[0]
    assert failure(line, rounds, replace(order, proximal=Decimal("1.1"))) == "number-invalid"


def test_an_order_says_what_steps_are_corrected_by_and_at_which_rate(
    line: Line, rounds: RoundsInWalls, order: RunOrder
) -> None:
    corrected = replace(with_given(order, CORRECTION), control=True)
    row, updates = np.array([1, -2, 0, 0.5], np.float32), []
    (line.given / CORRECTION).write_bytes(row_bytes(row))
    for one in (order, corrected):
        # In a single step gradients are the same on both ways.
        done(line, rounds, replace(one, training=replace(one.training, steps=1)))
        updates.append(row_of(line.files()[UPDATE]))
    np.testing.assert_allclose(updates[0] - updates[1], row, atol=1e-5)
    done(line, rounds, replace(order, rate_factor=Decimal("0.01")))
    slow = row_of(line.files()[UPDATE])
    assert np.linalg.norm(slow) < 0.05 * np.linalg.norm(expected(order)[1])
    (line.given / CORRECTION).write_bytes(row_bytes(np.full(4, np.nan, np.float32)))
    for path in line.made.iterdir():
        path.unlink()
    line.steps.clear()
    assert failure(line, rounds, corrected) == "model-unusable"
    restless = stated("tabular", {**TABULAR_PARAMETERS, "momentum": "0.9"})
    assert failure(line, rounds, replace(order, control=True, recipe=restless)) == "config-invalid"
    assert line.steps == []


def test_what_a_round_makes(line: Line, rounds: RoundsInWalls, order: RunOrder) -> None:
    release = GaussianRelease(noise_multiplier=mechanism(1, noise="4").noise_multiplier, releases=1)
    executed, files = done(line, rounds, replace(order, metrics=release))
    assert set(files) == {UPDATE, ABOUT, METRICS} == set(line.files())
    assert line.steps == [1, 2, 3]
    assert (executed.training, executed.metrics) == (order.training, release)
    layout, update = expected(order)
    about = AboutUpdate(layout=layout.digest, parameters=4)
    assert from_bytes(AboutUpdate, line.files()[ABOUT]) == about
    np.testing.assert_allclose(row_of(line.files()[UPDATE]), update, rtol=1e-5)
    assert np.abs(update).min() > 1e-3
    metrics = from_bytes(NoisyMetrics, line.files()[METRICS])
    names = ["accuracy", "balanced_accuracy", "f1", "auc"]
    assert [one.name for one in metrics.metrics] == names
    assert len(metrics.tally) == 24


def test_metrics_are_those_of_the_weights_that_came_out(
    line: Line, rounds: RoundsInWalls, order: RunOrder
) -> None:
    unheard = GaussianRelease(
        noise_multiplier=mechanism(1, noise="1e-12").noise_multiplier, releases=1
    )
    done(line, rounds, replace(order, metrics=unheard))
    recipe = recipe_for(order.recipe, None, None)
    layout, row = expected(order)
    with open_source(Path(order.data), order.columns, order.unit) as source:
        run = TrainingRun(recipe=recipe, source=source, mechanism=order.training)
        weights = {name: torch.from_numpy(one) for name, one in layout.parts(row).items()}
        before, after = evaluate_public(run), evaluate_public(replace(run, weights=weights))
    metrics = from_bytes(NoisyMetrics, line.files()[METRICS])
    found = {str(one.name): float(one.value or 0) for one in metrics.metrics}
    assert found == pytest.approx(after, abs=1e-4)
    assert abs(after["auc"] - before["auc"]) > 0.1


def test_a_tally_of_another_length_than_was_approved_begins_no_step(
    line: Line, rounds: RoundsInWalls, order: RunOrder
) -> None:
    release = GaussianRelease(noise_multiplier=Decimal(4), releases=1)
    measured = replace(order, metrics=release)
    assert failure(line, rounds, replace(measured, tally=23)) == "config-invalid"
    assert line.steps == []
    done(line, rounds, replace(measured, tally=24))
    assert len(from_bytes(NoisyMetrics, line.files()[METRICS]).tally) == 24


def test_two_releases_of_metrics_begin_no_step(
    line: Line, rounds: RoundsInWalls, order: RunOrder
) -> None:
    release = GaussianRelease(noise_multiplier=mechanism(1, noise="4").noise_multiplier, releases=2)
    assert failure(line, rounds, replace(order, metrics=release)) == "config-invalid"
    assert line.steps == []


def test_what_was_executed_is_what_an_approved_plan_allows(
    tmp_path: Path, line: Line, rounds: RoundsInWalls, order: RunOrder
) -> None:
    release = mechanism(1, noise="40").noise_multiplier
    world = World(noise=release, rate=mechanism(1).sampling_rate, steps=2, metrics_noise=release)
    site = world.site()
    plan = site.plan(world.file(site))
    # The plan of this machine and of these data, as a site makes it: by its probe and its meter.
    card = replace(plan.card, data=order.digest, columns=order.columns, unit=order.unit)
    plan = replace(plan, machine=ThisMachine().machine(), card=card)
    part = plan.request.part
    executed, _ = done(line, rounds, replace(order, training=part.training, metrics=part.metrics))
    assert departures(approved_execution(plan), executed) == ()
    assert approved_execution(plan) == executed


def test_a_round_goes_on_from_the_weights_that_are_given(
    line: Line, rounds: RoundsInWalls, order: RunOrder
) -> None:
    row = np.array([0.5, -1, 2, 0.25], np.float32)
    (line.given / WEIGHTS).write_bytes(row_bytes(row))
    done(line, rounds, with_given(order, WEIGHTS))
    _, update = expected(order, row)
    np.testing.assert_allclose(row_of(line.files()[UPDATE]), update, rtol=1e-4, atol=1e-6)
    # What is there and not listed was not given.
    done(line, rounds, order)
    np.testing.assert_allclose(row_of(line.files()[UPDATE]), expected(order)[1], rtol=1e-5)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        row_bytes(np.zeros(3, np.float32)),
        row_bytes(np.zeros(5, np.float32)),
        row_bytes(np.array([0, 0, np.nan, 0], np.float32)),
        row_bytes(np.array([0, 0, 0, -np.inf], np.float32)),
    ],
)
def test_weights_that_are_none_of_this_model_begin_no_step(
    line: Line, rounds: RoundsInWalls, order: RunOrder, data: bytes
) -> None:
    (line.given / WEIGHTS).write_bytes(data)
    assert failure(line, rounds, with_given(order, WEIGHTS)) == "model-unusable"
    assert line.steps == []


def test_weights_that_are_listed_and_not_there(
    line: Line, rounds: RoundsInWalls, order: RunOrder
) -> None:
    assert failure(line, rounds, with_given(order, WEIGHTS)) == "training-failed"
    assert line.steps == []


@pytest.mark.parametrize(
    "change", [{"parameters": 5}, {"family": Name("mlp")}], ids=["parameters", "family"]
)
def test_another_model_than_the_stated_one(
    line: Line, rounds: RoundsInWalls, order: RunOrder, change: dict
) -> None:
    other = replace(order, model=replace(order.model, **change))
    assert failure(line, rounds, other) == "model-unusable"
    assert line.steps == []


def test_other_data_than_the_plan_names_begin_no_step(
    tmp_path: Path, line: Line, rounds: RoundsInWalls, order: RunOrder
) -> None:
    people(tmp_path, seed=2)
    assert failure(line, rounds, order) == "data-drifted"
    assert line.steps == []


def test_data_stay_open_and_are_noticed_when_they_change_between_rounds(
    tmp_path: Path, line: Line, rounds: RoundsInWalls, order: RunOrder
) -> None:
    done(line, rounds, order)
    opened = rounds._data._source
    done(line, rounds, order)
    assert rounds._data._source is opened
    # Another file with the same bytes is read anew.
    data, copy = Path(order.data), tmp_path / "copy"
    copy.write_bytes(data.read_bytes())
    copy.replace(data)
    executed, _ = done(line, rounds, order)
    assert executed.data == order.digest
    assert rounds._data._source is not opened
    before = data.stat()
    data.write_bytes(data.read_bytes().replace(b",f,", b",m,", 1))
    os.utime(data, ns=(before.st_atime_ns, before.st_mtime_ns))
    line.steps.clear()
    for path in line.made.iterdir():
        path.unlink()
    assert failure(line, rounds, order) == "data-drifted"
    assert line.steps == []


def test_data_that_change_during_a_round(
    tmp_path: Path, line: Line, rounds: RoundsInWalls, order: RunOrder
) -> None:
    line.on_step = lambda step: people(tmp_path, seed=2) if step == 2 else None
    assert failure(line, rounds, order) == "data-drifted"
    assert line.steps == [1, 2]


def own_order(order: RunOrder, code: str) -> RunOrder:
    recipe = stated("own-code", {"columns": "age"}, own_code=code.encode())
    model = Model(family=Name("own-code"), parameters=2)
    return replace(order, recipe=recipe, model=model, given=(OWN_CODE,))


def test_own_code_is_run_and_named_by_its_bytes(
    line: Line, rounds: RoundsInWalls, order: RunOrder
) -> None:
    (line.given / OWN_CODE).write_text(OWN)
    executed, _ = done(line, rounds, own_order(order, OWN))
    assert executed.own_code == digest_of(OWN_CODE_KIND, OWN.encode())
    assert len(line.files()[UPDATE]) == 8


def test_own_code_of_another_digest_is_not_run(
    tmp_path: Path, line: Line, rounds: RoundsInWalls, order: RunOrder
) -> None:
    trace = tmp_path / "ran"
    (line.given / OWN_CODE).write_text(OWN + f"open({str(trace)!r}, 'w').close()\n")
    assert failure(line, rounds, own_order(order, OWN)) == "asset-mismatch"
    assert (line.steps, trace.exists()) == ([], False)


def test_own_code_where_none_is_approved(
    line: Line, rounds: RoundsInWalls, order: RunOrder
) -> None:
    (line.given / OWN_CODE).write_text(OWN)
    assert failure(line, rounds, with_given(order, OWN_CODE)) == "config-invalid"
    assert failure(line, rounds, replace(own_order(order, OWN), given=())) == "asset-mismatch"


def test_what_own_code_has_seen_is_not_said(
    line: Line, rounds: RoundsInWalls, order: RunOrder, capfd: pytest.CaptureFixture
) -> None:
    code = OWN + TELLTALE
    (line.given / OWN_CODE).write_text(code)
    assert failure(line, rounds, own_order(order, code)) == "training-failed"
    assert line.steps == [1]
    said = capfd.readouterr()
    assert said.out == ""
    assert "losses() of the study's own code ended with ValueError" in said.err
    assert "secret" not in said.err


def ratings_order(folder: Path) -> RunOrder:
    path = folder / "ratings.csv"
    rows = [f"{i % 7},{i % 5},{1 + i % 9 / 2}" for i in range(70)]
    path.write_text("\n".join(["user,item,rating", *rows]) + "\n")
    settings = {"items": "5", "user_rows": "10", "width": "2", "learning_rate": "0.1"}
    return replace(
        an_order(path, RATINGS),
        recipe=stated("recommender", settings),
        # A row and a bias for each item; those of the users stay.
        model=Model(family=Name("recommender-factorisation"), parameters=15),
    )


def test_what_is_kept_stays_apart_and_is_gone_on_with(
    tmp_path: Path, line: Line, rounds: RoundsInWalls
) -> None:
    order = ratings_order(tmp_path)
    _, files = done(line, rounds, order)
    assert set(files) == {UPDATE, ABOUT, KEPT}
    first = line.files()
    assert len(first[UPDATE]) == 4 * order.model.parameters
    (table,) = load(first[KEPT]).values()
    assert table.shape == (10, 3)
    (line.given / KEPT).write_bytes(first[KEPT])
    done(line, rounds, with_given(order, KEPT))
    (moved,) = load(line.files()[KEPT]).values()
    assert (moved - table).norm() > 0
    assert line.files()[UPDATE] != first[UPDATE]
    # Without steps that count, what was given would come out again.
    still_order = replace(order, training=mechanism(1, noise="1e-10", rate="1", clip="1e-12"))
    done(line, rounds, with_given(still_order, KEPT))
    (same,) = load(line.files()[KEPT]).values()
    assert (same - table).norm() < 1e-6


def test_what_was_kept_and_is_damaged(tmp_path: Path, line: Line, rounds: RoundsInWalls) -> None:
    (line.given / KEPT).write_bytes(b"nothing of the kind")
    order = ratings_order(tmp_path)
    assert failure(line, rounds, with_given(order, KEPT)) == "model-unusable"
    assert line.steps == []


def test_a_recipe_that_keeps_nothing_is_given_nothing_kept(
    tmp_path: Path, line: Line, rounds: RoundsInWalls, order: RunOrder
) -> None:
    done(line, rounds, ratings_order(tmp_path))
    (line.given / KEPT).write_bytes(line.files()[KEPT])
    for path in line.made.iterdir():
        path.unlink()
    assert failure(line, rounds, with_given(order, KEPT)) == "model-unusable"


def test_code_that_is_exchanged_while_it_runs(line: Line, order: RunOrder) -> None:
    rounds = RoundsInWalls(files_digest(PACKAGE), lambda: order.digest)
    line.orders.append(order.text())
    serve(line, rounds)
    rounds.close()
    assert line.ended == ["run-departed"]


def test_a_step_that_is_not_granted_ends_the_round(
    line: Line, rounds: RoundsInWalls, order: RunOrder
) -> None:
    line.gone = True
    assert failure(line, rounds, order) == "run-cancelled"


def test_an_order_that_is_none(
    line: Line, rounds: RoundsInWalls, capfd: pytest.CaptureFixture
) -> None:
    line.orders = ["{}", "no order"]
    serve(line, rounds)
    assert line.ended == ["record-invalid", "not-canonical"]


def test_a_round_after_one_that_failed(line: Line, rounds: RoundsInWalls, order: RunOrder) -> None:
    assert failure(line, rounds, replace(order, digest=files_digest(PACKAGE))) == "data-drifted"
    done(line, rounds, order)
    assert line.steps == [1, 2, 3]


def test_columns_that_are_not_those_of_the_data(
    line: Line, rounds: RoundsInWalls, order: RunOrder
) -> None:
    done(line, rounds, order)
    for path in line.made.iterdir():
        path.unlink()
    turned = replace(order, columns=tuple(reversed(order.columns)))
    assert list(TYPES) != [one.name for one in turned.columns]
    assert failure(line, rounds, turned) == "data-unreadable"
