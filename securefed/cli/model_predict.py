"""`securefed model predict` and `ensemble`: what exported models say of records of your own."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from securefed.cli.output import AsJson, answer, table, working
from securefed.cli.study_options import Assets
from securefed.domain.canonical import Plain
from securefed.errors import ConfigInvalid

OwnCode = Annotated[
    Path | None, typer.Option("--own-code", help="The Python file of a study's own.")
]
_EXACT = "These figures have no noise: whoever sees them learns something of these records."


def predict(
    folder: Annotated[Path, typer.Argument(help="An exported model, or an ensemble.")],
    data: Annotated[
        Path, typer.Option("--data", help="The dataset.toml that describes your records.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A new CSV file for what is predicted of each record."),
    ] = None,
    assets: Assets = None,
    own_code: OwnCode = None,
    as_json: AsJson = False,
) -> None:
    """Say how right an exported model is about records that you hold, and what it predicts.

    Nothing leaves this machine, no site is asked and nothing is charged.

    Example: securefed model predict model --data dataset.toml --out predictions.csv
    """
    from securefed.config import load_card
    from securefed.wiring import models

    draft, beside = load_card(data), models.Beside(assets=assets, own_code=own_code)
    members = models.models_in(folder)
    with working(f"Asking {folder}"):
        found = models.metrics_of(members, draft, beside)
        written = None if out is None else models.write_predictions(members, draft, beside, out)
    document: dict[str, Plain] = {"model": str(folder), "metrics": _figures(found)}
    lines = [_metrics({str(folder): found}), "", _EXACT]
    if out is not None and written is not None:
        document |= {"records": written, "predictions": str(out)}
        lines.append(f"What is predicted of {written} records is in {out}")
    answer(as_json, "model-predictions", document, "\n".join(lines))


def ensemble(
    models: Annotated[list[Path], typer.Argument(help="Exported models of one task.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="A new folder for the models together.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Compare them on records of yours: a dataset.toml."),
    ] = None,
    assets: Assets = None,
    own_code: OwnCode = None,
    as_json: AsJson = False,
) -> None:
    """Let several studies' models predict together, by the mean of the chances that they say.

    They predict the same classes in the same order, or the same number. Each keeps what its own
    study gave away; together they give away nothing more.

    Example: securefed model ensemble model-a model-b --out both --data dataset.toml
    """
    from securefed.config import load_card
    from securefed.wiring import models as wiring_models

    if out is None and data is None:
        raise ConfigInvalid("Nothing to do", hint="Give --out, --data or both.")
    wiring_models.expect_several(models)
    beside = wiring_models.Beside(assets=assets, own_code=own_code)
    found: dict[str, Mapping[str, float]] = {}
    with working("Asking the models"):
        if data is not None:
            draft = load_card(data)
            for one in models:
                found[str(one)] = wiring_models.metrics_of([one], draft, beside)
            found["together"] = wiring_models.metrics_of(models, draft, beside)
        if out is not None:
            wiring_models.write_ensemble(models, beside, out)
    document: dict[str, Plain] = {
        "ensemble": None if out is None else str(out),
        "metrics": {name: _figures(one) for name, one in found.items()},
    }
    lines = [*([_metrics(found), "", _EXACT] if found else [])]
    lines += [f"The models are together in {out}"] if out is not None else []
    then = f"securefed model predict {out} --data dataset.toml" if out is not None else ""
    answer(as_json, "model-ensemble", document, "\n".join(lines), then)


def _metrics(found: Mapping[str, Mapping[str, float]]) -> str:
    names = list(next(iter(found.values())))
    rows = [(model, *(_figure(one[name]) for name in names)) for model, one in found.items()]
    return table(("model", *names), rows, "")


def _figures(metrics: Mapping[str, float]) -> dict[str, Plain]:
    return {name: _figure(value) for name, value in metrics.items()}


def _figure(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.4f}"
