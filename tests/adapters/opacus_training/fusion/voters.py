"""A small vote for tests: people of a table, public people, teachers of a logistic recipe."""

import random
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import torch

from securefed.adapters.opacus_training.fusion.teachers import School
from securefed.adapters.opacus_training.fusion.voting import VoteRun
from securefed.domain.fusion import VOTES, Fusion, PublicColumn
from securefed.domain.identifiers import Line
from securefed.domain.privacy import DpSgd, Sampling
from securefed.domain.run_order import RunOrder
from securefed.domain.site import ColumnType
from securefed.domain.study import Model
from securefed.recipes.files.opening import measured, open_source
from securefed.recipes.public_records import public_records
from securefed.recipes.recipe import Recipe
from securefed.recipes.registry import recipe_for
from tests.adapters.ordered import RECORD, TABULAR, TYPES, an_order, columns, people

FILE = "public.csv"
ASKED = {"age": ColumnType.INTEGER, "sex": ColumnType.CATEGORY}
CPU = torch.device("cpu")


def public_people(folder: Path, records: int = 50, seed: int = 2) -> Path:
    """People of whom nobody says whether they are ill."""
    chance = random.Random(seed)
    rows = [f"{chance.randint(20, 90)},{chance.choice('fm')}" for _ in range(records)]
    path = folder / FILE
    path.write_text("\n".join(["age,sex", *rows]) + "\n", encoding="utf-8")
    return path


def a_fusion(folder: Path, records: int = 50, **changes: object) -> Fusion:
    """The vote on those people, whose file is written."""
    path = public_people(folder, records)
    with path.open("rb") as stream:
        digest = measured(stream, path, columns(ASKED), RECORD).digest
    stated = {
        "teachers": 5,
        "epochs": 4,
        "batch": 8,
        "target": Line("ill"),
        "classes": (Line("false"), Line("true")),
        "queries": Line(FILE),
        "digest": digest,
        "records": records,
        "columns": tuple(PublicColumn(name=Line(name), type=kind) for name, kind in TYPES.items()),
    }
    return Fusion(**(stated | changes))


def a_step(fusion: Fusion, noise: str = "1") -> DpSgd:
    """The step that noises its votes."""
    return DpSgd(
        noise_multiplier=Decimal(noise),
        sampling_rate=Decimal(1),
        sampling=Sampling.POISSON,
        steps=1,
        clip=fusion.least_clip,
    )


def a_vote_order(folder: Path, fusion: Fusion, noise: str = "1", records: int = 120) -> RunOrder:
    """An order for the vote of so many people."""
    order = an_order(people(folder, records), training=a_step(fusion, noise))
    model = Model(family=VOTES, parameters=fusion.answers)
    return replace(order, model=model, assets=str(folder), fusion=fusion)


def a_recipe() -> Recipe:
    """The teachers'."""
    return recipe_for(TABULAR, None, None)


def a_run(folder: Path, noise: str = "1", records: int = 120, **changes: object) -> VoteRun:
    """The same vote without walls."""
    fusion = a_fusion(folder, **changes)
    order = a_vote_order(folder, fusion, noise, records)
    return VoteRun(
        recipe=a_recipe(),
        fusion=fusion,
        step=order.training,
        source=open_source(Path(order.data), order.columns, order.unit),
        queries=public_records(fusion, folder),
        device="cpu",
    )


def school_of(run: VoteRun) -> School:
    """Its teachers."""
    return School.opened(run.recipe, run.source, run.fusion, run.queries, CPU)
