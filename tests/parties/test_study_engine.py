"""Studies over several desks whose runs are the real engine: SCAFFOLD, and layers that stay."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from securefed.adapters.opacus_training.round_in_walls import Folders, RoundsInWalls
from securefed.adapters.site_folder import SiteFolder
from securefed.aggregation.grid import Floats
from securefed.domain.canonical import digest_of
from securefed.domain.combining import plain_combining
from securefed.domain.identifiers import Name
from securefed.domain.run_order import KEPT, UPDATE, RunOrder
from securefed.domain.schedule import Cosine, Schedule
from securefed.domain.study import Model
from securefed.domain.study import Recipe as StatedRecipe
from securefed.domain.talk import Finished
from tests.adapters.opacus_training.plain import CountingGate, still
from tests.adapters.ordered import LOGISTIC, TABULAR_PARAMETERS, an_order, people
from tests.office import Files, executed, honest
from tests.parties.test_study_run import SITES, Federation, Playable, Playing
from tests.recipes.stated import stated

pytestmark = pytest.mark.slow

STEPS, RATE = 4, 0.5
INSTALLED = digest_of("test", b"installed")


def engine(folder: Path, recipe: StatedRecipe, model: Model) -> Playable:
    """The real engine on a site's own table, in a new process each time as far as it can tell."""
    number = [0]

    def play(given: Mapping[str, bytes], made: Files, order: RunOrder) -> Playing:
        yield from honest(given, made, order)
        number[0] += 1
        folders = Folders(given=folder / f"in-{number[0]}", made=folder / f"out-{number[0]}")
        for one in (folders.given, folders.made):
            one.mkdir()
        for name, content in given.items():
            (folders.given / name).write_bytes(content)
        own = replace(
            an_order(folder / "people.csv", training=still(STEPS, clip="100")),
            recipe=recipe,
            model=model,
            given=order.given,
            control=order.control,
            rate_factor=order.rate_factor,
        )
        rounds = RoundsInWalls(INSTALLED, lambda: INSTALLED)
        done = rounds.run(own.text(), folders, CountingGate())
        rounds.close()
        for path in folders.made.iterdir():
            made[path.name] = path.read_bytes()
        return Finished(executed=executed(order), files=done.files)

    return play


def federation(
    folder: Path, recipe: StatedRecipe, model: Model, rounds: int, **changes: object
) -> Federation:
    made = Federation(folder, {"rounds": rounds, "steps": STEPS, **changes})
    for seed, name in enumerate(SITES):
        (folder / name).mkdir()
        people(folder / name, records=40 + 20 * seed, seed=seed)
        made.offices[name].play = engine(folder / name, recipe, model)
    return made


def logistic(path: Path) -> Callable[[Floats], Floats]:
    """The gradient of a table's mean log loss at a bias and three weights."""
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    x = np.array([[1, (int(age) - 55) / 10, sex == "f", sex == "m"] for age, sex, _ in rows], float)
    y = np.array([ill == "true" for *_, ill in rows], float)

    def gradient(at: Floats) -> Floats:
        found: Floats = x.T @ (1 / (1 + np.exp(-x @ at)) - y) / len(y)
        return found

    return gradient


def test_the_engine_over_desks_is_scaffold_as_its_paper_has_it(tmp_path: Path) -> None:
    schedule = Schedule(course=Cosine(final=Decimal("0.25")), warm_up=0)
    combining = replace(plain_combining(), control=True, site_schedule=schedule)
    recipe = stated("tabular", {**TABULAR_PARAMETERS, "learning_rate": str(RATE)})
    made = federation(tmp_path, recipe, LOGISTIC, rounds=4, combining=combining)
    found = made.run().run().weights
    gradients = [logistic(tmp_path / name / "people.csv") for name in SITES]
    x, c, own = np.zeros(4), np.zeros(4), np.zeros((3, 4))
    for number in range(1, 5):
        rate = RATE * schedule.factor(number, 4)
        ends = np.tile(x, (3, 1))
        for _ in range(STEPS):
            steps = [one(end) for one, end in zip(gradients, ends, strict=True)]
            ends = ends - rate * (np.array(steps) - own + c)
        after = own - c + (x - ends) / (STEPS * rate)
        x, c, own = ends.mean(0), c + (after - own).mean(0), after
    np.testing.assert_allclose(found, x, rtol=1e-3, atol=1e-4)
    assert np.abs(own - c).max() > 0.02


def test_layers_that_stay_go_on_at_their_site_and_never_leave_it(tmp_path: Path) -> None:
    """Over a site that starts again between the rounds: its layers are those it left off with."""
    parameters = {"model": "mlp", "hidden": "2", "personal": "2", "learning_rate": "0.5"}
    recipe = stated("tabular", {**TABULAR_PARAMETERS, **parameters})
    # Three inputs and a bias for each of two units; the layer behind them stays.
    model = Model(family=Name("mlp"), parameters=8)
    made = federation(tmp_path, recipe, model, rounds=3, parameters=8)
    run, kept = made.run(), list[dict[str, dict[str, np.ndarray]]]()
    state = run.state(0)
    for number in (1, 2, 3):
        state = run._round(number, state)
        kept.append({})
        for name, office in made.offices.items():
            path = SiteFolder(office.folder).kept_of(made.requests[name])
            kept[-1][name] = load(path.read_bytes())
            office.desk = office.new_desk()
            office.desk.begin()
    for name, office in made.offices.items():
        assert {one for round_ in kept for one in round_[name]} == {"2.weight", "2.bias"}
        assert [KEPT in order.given for order in office.orders] == [False, True, True]
        for before, number in ((0, 2), (1, 3)):
            # What a round began with is what the round before it left.
            given = tmp_path / name / f"in-{number}" / KEPT
            assert load(given.read_bytes())["2.bias"] == kept[before][name]["2.bias"]
        own = kept[-1][name]["2.weight"].tobytes()
        released = list(office.blobs._whole.values())
        assert all(len(one) == 4 * model.parameters for one in released)
        assert not any(own in one for one in released)
        update = (tmp_path / name / "out-3" / UPDATE).read_bytes()
        assert len(update) == 4 * model.parameters
    ends = [kept[-1][name]["2.weight"] for name in SITES]
    assert not np.allclose(ends[0], ends[1], atol=1e-3)
