"""`securefed audit attack --model`: a model that learnt its records by heart gives them away."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from securefed.recipes.records import Records
from securefed.recipes.registry import recipe_for
from tests.cli.conftest import Run
from tests.recipes.exports import export
from tests.recipes.stated import stated

pytestmark = pytest.mark.slow

NAMES = ("a", "b", "c", "d")
WIDE = {
    "target": "ill",
    "numeric": ", ".join(f"{name}:0:1" for name in NAMES),
    "model": "mlp",
    "hidden": "64",
}
CARD = """\
dataset = "own"
title = "Records"
origin = "Made up"
licence = "CC0-1.0"
purposes = ["research"]
data = "{0}.csv"
adjacency = "add-remove"
[unit]
bound = 1
""" + "".join(
    f'[[columns]]\nname = "{name}"\ntype = "{kind}"\nmeaning = "Made up"\n'
    for name, kind in [*((name, "decimal") for name in NAMES), ("ill", "boolean")]
)


def write(folder: Path, name: str, count: int, seed: int) -> Records:
    """Records whose target follows from nothing."""
    chance = random.Random(seed)
    rows = [
        [*(round(chance.gauss(0, 1), 4) for _ in NAMES), chance.choice(("false", "true"))]
        for _ in range(count)
    ]
    lines = [",".join(map(str, row)) for row in rows]
    (folder / f"{name}.csv").write_text("\n".join([",".join((*NAMES, "ill")), *lines, ""]))
    (folder / f"{name}.toml").write_text(CARD.format(name))
    columns = dict(zip((*NAMES, "ill"), map(list, zip(*rows, strict=True)), strict=True))
    return Records(columns=columns, folder=folder)


def learn(folder: Path, members: Records, steps: int) -> None:
    """Trains without privacy, and exports."""
    statement = stated("tabular", WIDE)
    recipe = recipe_for(statement, None, None)
    model, batch = recipe.model(), recipe.collate(members)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        mean: Any = recipe.losses(model, batch).mean()
        mean.backward()
        optimizer.step()
    weights = {name: one.detach().numpy() for name, one in model.named_parameters()}
    export(folder / "model", statement, weights)


def attack(*changes: str) -> list[str]:
    return ["audit", "attack", "--model", "model", "--members", "in.toml", *changes]


@pytest.mark.parametrize(("steps", "sees"), [(60, True), (0, False)])
def test_members_are_told_from_others_if_the_model_learnt_them(
    run: Run, tmp_path: Path, steps: int, sees: bool
) -> None:
    learn(tmp_path, write(tmp_path, "in", 60, 1), steps)
    write(tmp_path, "out", 200, 2)
    done = run(*attack("--others", "out.toml", "--json"))
    assert done.code == 0, done.err
    [line] = done.document["lines"]
    assert (line["outcome"], "not told" in line["result"]) == ("figure", not sees)
    assert (float(line["figures"]["loss_auc_low"]) > 0.5) == sees
    assert done.document["alarms"] == 0


def test_what_cannot_be_attacked_is_said(run: Run, tmp_path: Path) -> None:
    learn(tmp_path, write(tmp_path, "in", 60, 1), 1)
    write(tmp_path, "few", 19, 2)
    for wrong in ((), ("--others", "in.toml"), ("--others", "few.toml"), ("--quick",)):
        assert run(*attack(*wrong)).code == 2
