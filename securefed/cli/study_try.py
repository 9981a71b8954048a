"""`securefed study try`: the whole training of a study at one site, on made-up records."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.output import AsJson, answer, counting, table
from securefed.cli.study_options import (
    Assets,
    MockOf,
    Set,
    TriedSite,
    set_anew,
    set_plain,
    set_told,
    written,
)
from securefed.domain.canonical import Plain
from securefed.domain.study import Participant, Study

if TYPE_CHECKING:
    from securefed.wiring.trial import Tried


def try_out(
    file: Annotated[Path, typer.Argument(help="The study file.")],
    data: MockOf,
    site: TriedSite = None,
    assets: Assets = None,
    anew: Set = None,
    as_json: AsJson = False,
) -> None:
    """Train a study on the mock of a dataset, with the real engine and its self-test.

    Nothing is asked of a site and nothing is charged: a mock holds made-up records.

    Example: securefed study try sites/study.toml --data sites/hospital-a/dataset.toml
    """
    from securefed.config import load_card, load_own_code, load_study
    from securefed.wiring import trial

    changes = set_anew(anew)
    study = load_study(file, changes)
    part = trial.part_of(study, site)
    steps = study.rounds * part.training.steps
    with counting(f"Training as {part.site}", steps) as on_step:
        tried = trial.try_study(
            study, part, load_own_code(file, changes), load_card(data), assets, on_step
        )
    answer(
        as_json,
        "study-tried",
        {**_document(study, part, tried), "set": set_plain(changes)},
        "\n".join([*set_told(changes), _text(study, part, tried)]),
        written(file, anew) if changes else f"securefed study plan {file} --delta 1e-6",
    )


def _text(study: Study, part: Participant, tried: "Tried") -> str:
    proof = tried.proof
    rows = [
        (
            name,
            _figure(tried.before[name]),
            _figure(tried.after[name]),
            *([] if tried.released is None else [_figure(tried.released[name])]),
        )
        for name in tried.after
    ]
    headings = ["metric", "before", "after", *([] if tried.released is None else ["as released"])]
    lines = [
        f"{study.title}: {study.rounds} rounds of {part.training.steps} steps at {part.site}, on "
        "made-up records",
        "",
        f"Self-test, on synthetic records ({proof.engine})",
        f"  one unit adds at most        {proof.largest_contribution:.4f} of the clip",
        f"  taking one away moves        {proof.largest_removal:.4f} of the clip",
        f"  variance of the noise        {proof.noise_variance:.4f} of what is accounted",
        *([f"  notice                       {proof.notice}"] if proof.notice else []),
        "",
        table(headings, rows, "The recipe has no metrics."),
        "",
        "Figures on a mock say that the study runs, not how good its model is.",
    ]
    return "\n".join(lines)


def _document(study: Study, part: Participant, tried: "Tried") -> dict[str, Plain]:
    proof = tried.proof
    return {
        "study": study.study,
        "site": part.site,
        "rounds": study.rounds,
        "steps": part.training.steps,
        "self_test": {
            "engine": proof.engine,
            "notice": proof.notice,
            "largest_contribution": _figure(proof.largest_contribution),
            "largest_removal": _figure(proof.largest_removal),
            "noise_variance": _figure(proof.noise_variance),
            "noise_samples": proof.noise_samples,
        },
        "before": _figures(tried.before),
        "after": _figures(tried.after),
        "released": None if tried.released is None else _figures(tried.released),
    }


def _figures(metrics: Mapping[str, float]) -> dict[str, Plain]:
    return {name: _figure(value) for name, value in metrics.items()}


def _figure(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.4f}"
