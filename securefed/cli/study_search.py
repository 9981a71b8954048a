"""`securefed study search`: a grid of settings, each trained on made-up records, best first.

It is free, because nothing real is read; and so its figures say how settings behave, not how good a
model of real data will be. `study trials` is the search that does, and costs.
"""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.numbers import exact
from securefed.cli.output import AsJson, answer, counting, table
from securefed.cli.study_options import (
    Assets,
    File,
    MockOf,
    Set,
    TriedSite,
    set_anew,
    set_plain,
    set_told,
)
from securefed.cli.study_plan import Delta
from securefed.domain.canonical import Plain, decimal_text
from securefed.domain.early_stopping import Aim
from securefed.domain.numbers import probability
from securefed.domain.rules.speak import shown
from securefed.domain.search import deciding

if TYPE_CHECKING:
    from securefed.config import Change
    from securefed.wiring.search import Result

Grid = Annotated[
    list[str],
    typer.Option("--grid", help="KEY=VALUE,VALUE: values to try for a key; repeat for more keys."),
]
Trials = Annotated[
    int | None,
    typer.Option("--trials", help="Only so many of the grid, by lot.", show_default="all"),
]
Seed = Annotated[int, typer.Option("--seed", help="Another number draws another lot.")]
Metric = Annotated[
    str | None,
    typer.Option("--metric", help="The figure that decides.", show_default="the one it stops by"),
]
Better = Annotated[
    Aim | None, typer.Option("--aim", help="Which way is better.", show_default="by its name")
]
Best = Annotated[
    Path | None, typer.Option("--out", help="Write the best trial's study into this file.")
]
_PLACES = Decimal("0.0001")


def search(
    file: File,
    data: MockOf,
    grid: Grid,
    site: TriedSite = None,
    trials: Trials = None,
    seed: Seed = 0,
    metric: Metric = None,
    aim: Better = None,
    delta: Delta = "1e-6",
    out: Best = None,
    assets: Assets = None,
    anew: Set = None,
    as_json: AsJson = False,
) -> None:
    """Train a grid of settings on the mock of a dataset, and rank them. Nothing is charged.

    Example: securefed study search study.toml --data dataset.toml --grid privacy.clip=0.5,1
    """
    from securefed.config import load_card
    from securefed.wiring import search as wiring_search

    at = probability("--delta", exact("--delta", delta))
    found = wiring_search.laid_out(file, set_anew(anew), choices(grid), trials, seed)
    by, way = deciding(found[0].study.combining.stop, metric, aim)
    part = wiring_search.part_of(found[0].study, site)
    searching = wiring_search.Searching(site=part.site, draft=load_card(data), assets=assets)
    steps = wiring_search.steps_of(found, part.site)
    with counting(f"Training {len(found)} trials", steps) as on_step:
        results = wiring_search.tried(found, searching, (by, way), at, on_step)
    best = results[0]
    if out is not None:
        wiring_search.write_best(best.trial, out)
    answer(
        as_json,
        "study-search",
        {
            "study": best.trial.stem,
            "site": part.site,
            "metric": by,
            "aim": way,
            "set": set_plain(best.trial.given),
            "trials": [_document(one) for one in results],
            "best": None if out is None else str(out),
        },
        _text(results, by, way, part.site),
        f"securefed study plan {out or file} --delta {delta}",
    )


def choices(grid: Sequence[str]) -> "list[tuple[Change, ...]]":
    """The values of each key, as they were typed."""
    from securefed.config import read_choices

    return [read_choices(one) for one in grid]


def _text(results: "Sequence[Result]", metric: str, way: Aim, site: str) -> str:
    trial = results[0].trial
    rows = [
        (
            one.trial.name,
            *(setting.said for setting in one.trial.settings),
            _figure(one.figures[metric]),
            shown(one.loss.epsilon),
        )
        for one in results
    ]
    headings = ("trial", *(one.key for one in trial.settings), metric, "ε if real")
    study = trial.study
    return "\n".join(
        [
            *set_told(trial.given),
            f"{study.title}: {len(results)} trials at {site}, on made-up records; {way} is better",
            "",
            table(headings, rows, ""),
            "",
            f"ε is what one trial alone would cost at {site}, at δ = {results[0].loss.delta}.",
            "Figures on a mock say little about real data; training is random, too.",
        ]
    )


def _document(one: "Result") -> Plain:
    return {
        "trial": one.trial.name,
        "settings": set_plain(one.trial.settings),
        "figures": {name: _figure(value) for name, value in one.figures.items()},
        "epsilon": decimal_text(one.loss.epsilon),
        "delta": decimal_text(one.loss.delta),
    }


def _figure(value: Decimal | None) -> str:
    return "none" if value is None else f"{value.quantize(_PLACES):f}"
