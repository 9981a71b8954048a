"""`securefed model`: models as folders that studies pin: fetched ones, and exported ones."""

from pathlib import Path
from typing import Annotated

import typer

from securefed.cli import model_predict
from securefed.cli.output import AsJson, answer, working
from securefed.domain.exported import START, START_DIGEST

app = typer.Typer(no_args_is_help=True)
app.command("predict")(model_predict.predict)
app.command("ensemble")(model_predict.ensemble)


@app.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(help="The model's name on the hub, OWNER/NAME.")],
    revision: Annotated[str, typer.Option("--revision", help="The full commit to fetch.")],
    out: Annotated[Path, typer.Option("--out", help="The new folder.")],
    hub: Annotated[
        str | None,
        typer.Option("--hub", help="The hub's address.", show_default="the Hugging Face hub"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a model's weights and tokens from a hub, and say the digest that a study pins.

    Nothing else ever reaches for a hub: training reads the folder alone.

    Example: securefed model fetch OWNER/NAME --revision COMMIT --out assets/minilm
    """
    from securefed.wiring import trial

    with working(f"Fetching {name}"):
        digest = trial.fetch_model(name, revision, out, hub)
    _say(as_json, out, str(digest), exported=False)


@app.command("digest")
def digest(
    folder: Annotated[Path, typer.Argument(help="The model's folder.")], as_json: AsJson = False
) -> None:
    """Say the digest of a model folder, fetched or exported, which a study pins.

    Example: securefed model digest assets/minilm
    """
    from securefed.wiring import models, trial

    with working(f"Reading {folder}"):
        found = trial.model_digest(folder)
    _say(as_json, folder, str(found), exported=models.is_start(folder))


def _say(as_json: bool, folder: Path, digest: str, *, exported: bool) -> None:
    name, pin = (START, START_DIGEST) if exported else ("model", "model_sha256")
    answer(
        as_json,
        "model-folder",
        {"folder": str(folder), "digest": digest},
        f"{folder}\n{digest}",
        f'write {name} = "{folder.name}" and {pin} = "{digest}" into the study',
    )
