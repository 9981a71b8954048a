"""Orders for a run: a small table of people, trained without noise that a comparison would see."""

import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from securefed.adapters.opacus_training.run import TrainingRun
from securefed.adapters.opacus_training.training import first_model, train
from securefed.adapters.opacus_training.weights import copied, shared_parameters
from securefed.domain.identifiers import Line, Name
from securefed.domain.privacy import DpSgd, PrivacyUnit
from securefed.domain.run_order import RunOrder
from securefed.domain.site import Column, ColumnType
from securefed.domain.study import Model
from securefed.recipes.files.opening import measured, open_source
from securefed.recipes.layout import Layout, Values
from securefed.recipes.registry import recipe_for
from tests.adapters.opacus_training.plain import CountingGate, still
from tests.recipes.stated import stated

TYPES = {"age": ColumnType.INTEGER, "sex": ColumnType.CATEGORY, "ill": ColumnType.BOOLEAN}
RECORD = PrivacyUnit(column=None, bound=1)
TABULAR_PARAMETERS = {"categorical": "sex:f|m", "numeric": "age:55:10", "target": "ill"}
TABULAR = stated("tabular", TABULAR_PARAMETERS)
LOGISTIC = Model(family=Name("logistic"), parameters=4)


def people(folder: Path, records: int = 60, seed: int = 1) -> Path:
    """A table in which the old are ill."""
    chance = random.Random(seed)
    rows = ["age,sex,ill"]
    for _ in range(records):
        age = chance.randint(20, 90)
        ill = "true" if age > chance.gauss(55, 10) else "false"
        rows.append(f"{age},{chance.choice('fm')},{ill}")
    path = folder / "people.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def columns(types: Mapping[str, ColumnType]) -> tuple[Column, ...]:
    return tuple(
        Column(name=Line(name), type=type, meaning=Line("Made up")) for name, type in types.items()
    )


def an_order(
    data: Path, types: Mapping[str, ColumnType] = TYPES, training: DpSgd | None = None
) -> RunOrder:
    """The first round of a table's study."""
    with data.open("rb") as stream:
        digest = measured(stream, data, columns(types), RECORD).digest
    return RunOrder(
        recipe=TABULAR,
        model=LOGISTIC,
        training=training or still(3),
        metrics=None,
        tally=0,
        proximal=None,
        columns=columns(types),
        unit=RECORD,
        data=str(data),
        digest=digest,
        assets=None,
        given=(),
    )


def expected(order: RunOrder, row: Values | None = None) -> tuple[Layout, Values]:
    """The layout, and the update that the engine makes when it is asked directly."""
    recipe = recipe_for(order.recipe, None, None)
    first = {n: one.numpy() for n, one in copied(_shared(recipe)).items()}
    layout = Layout.of(first)
    start = layout.flat(first) if row is None else row
    weights = {name: torch.from_numpy(one.copy()) for name, one in layout.parts(start).items()}
    with open_source(Path(order.data), order.columns, order.unit) as source:
        run = TrainingRun(
            recipe=recipe, source=source, mechanism=order.training, weights=weights, device="cpu"
        )
        trained = train(run, CountingGate())
    after = layout.flat({name: one.numpy() for name, one in trained.weights.items()})
    return layout, after - start


def _shared(recipe: object) -> dict:
    return shared_parameters(first_model(recipe), recipe)


def with_given(order: RunOrder, *names: Name) -> RunOrder:
    return replace(order, given=names)


def row_of(data: bytes) -> Values:
    return np.frombuffer(data, "<f4").astype(np.float32)
