"""`securefed study trials` and `study compare`: a search on real data, every trial of it paid for.

Each trial is a study of its own. What all of them cost together is said when they are written, and
each is planned, approved, charged and run like any other study. Then they are ranked by what they
released, which costs nothing more.
"""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.numbers import exact
from securefed.cli.output import AsJson, answer, table, working
from securefed.cli.study_options import File, Set, set_anew, set_plain, set_told
from securefed.cli.study_plan import Delta
from securefed.cli.study_search import Better, Grid, Metric, Seed, Trials, choices
from securefed.domain.canonical import Plain, decimal_text
from securefed.domain.identifiers import SiteId
from securefed.domain.numbers import probability
from securefed.domain.records import to_plain
from securefed.domain.rules.speak import shown
from securefed.domain.search import deciding, ranked

if TYPE_CHECKING:
    from securefed.domain.privacy import PrivacyLoss
    from securefed.wiring.search import Came, Trial

_PLACES = Decimal("0.0001")


def trials(
    file: File,
    grid: Grid,
    out: Annotated[Path, typer.Option("--out", help="The folder for the trials' studies.")],
    number: Trials = None,
    seed: Seed = 0,
    delta: Delta = "1e-6",
    anew: Set = None,
    as_json: AsJson = False,
) -> None:
    """Write each trial of a grid as a study of its own, and say what all cost together.

    Nobody is asked. Submit and run each like any other study; every one is charged.

    Example: securefed study trials study.toml --grid privacy.clip=0.5,1 --out trials
    """
    from securefed.wiring import search as wiring_search

    at = probability("--delta", exact("--delta", delta))
    found = wiring_search.laid_out(file, set_anew(anew), choices(grid), number, seed)
    with working("Accounting for all of them"):
        whole = wiring_search.together(found, at)
    files = wiring_search.write_trials(found, out)
    answer(
        as_json,
        "study-trials",
        {
            "study": found[0].stem,
            "set": set_plain(found[0].given),
            "trials": [_document(*one) for one in zip(found, files, strict=True)],
            "together": {site: to_plain(loss) for site, loss in whole.items()},
        },
        _text(found, files, whole),
        f"securefed study submit {files[0]} --as NAME --key FILE, and the others; "
        f"when they have run: securefed study compare {out}",
    )


def compare(
    folder: Annotated[Path, typer.Argument(help="The folder with the trials' studies.")],
    metric: Metric = None,
    aim: Better = None,
    as_json: AsJson = False,
) -> None:
    """Rank the studies of a folder by the noised metrics that their runs released.

    Their runs' folders are found where they were run from. No site is asked and nothing is charged.

    Example: securefed study compare trials --metric accuracy
    """
    from securefed.wiring import search as wiring_search

    keys, found = wiring_search.compared(folder)
    by, way = deciding(found[0].study.combining.stop, metric, aim)
    order = ranked(found, lambda one: one.metrics.get(by), way)
    headings = ("study", *keys, "rounds", by)
    rows = [
        (
            one.study.study,
            *one.settings,
            f"{one.rounds} of {one.study.rounds}",
            _figure(one.metrics.get(by)),
        )
        for one in order
    ]
    answer(
        as_json,
        "study-compare",
        {"metric": by, "aim": way, "studies": [_came(one, keys) for one in order]},
        "\n".join(
            [
                f"As released after the newest round, noise included; {way} is better",
                "",
                table(headings, rows, ""),
                "",
                "The best of several noisy figures is better than what it measures.",
            ]
        ),
        _next(folder, order[0], by),
    )


def _next(folder: Path, best: "Came", metric: str) -> str:
    if metric in best.metrics:
        return f"securefed study export {folder / best.study.study}.toml --out MODEL"
    return "securefed study run each of them; none has released this figure yet"


def _text(
    trials: "Sequence[Trial]", files: Sequence[Path], whole: "dict[SiteId, PrivacyLoss]"
) -> str:
    first = trials[0]
    rows = [
        (str(file), *(setting.said for setting in one.settings))
        for one, file in zip(trials, files, strict=True)
    ]
    sites = [
        (site, shown(loss.epsilon), shown(loss.upper_bound), shown(loss.replace_one))
        for site, loss in whole.items()
    ]
    delta = next(iter(whole.values())).delta
    return "\n".join(
        [
            *set_told(first.given),
            table(("study", *(one.key for one in first.settings)), rows, ""),
            "",
            f"All {len(trials)} together, if every attempt runs, at δ = {delta}",
            table(("site", "ε", "ε (Rényi)", "ε (replace)"), sites, ""),
        ]
    )


def _document(trial: "Trial", file: Path) -> Plain:
    return {"study": trial.name, "settings": set_plain(trial.settings), "file": str(file)}


def _came(one: "Came", keys: Sequence[str]) -> Plain:
    return {
        "study": one.study.study,
        "settings": [
            {"key": key, "value": value} for key, value in zip(keys, one.settings, strict=True)
        ],
        "rounds": one.rounds,
        "of": one.study.rounds,
        "metrics": {name: decimal_text(value) for name, value in one.metrics.items()},
    }


def _figure(value: Decimal | None) -> str:
    return "none" if value is None else f"{value.quantize(_PLACES):f}"
