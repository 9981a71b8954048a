"""`securefed model`: models that somebody else has trained, as folders that studies pin."""

from pathlib import Path
from typing import Annotated

import typer

from securefed.cli.output import AsJson, answer, working

app = typer.Typer(no_args_is_help=True)


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
    _say(as_json, out, str(digest))


@app.command("digest")
def digest(
    folder: Annotated[Path, typer.Argument(help="The model's folder.")], as_json: AsJson = False
) -> None:
    """Say the digest of a model folder, which a study pins.

    Example: securefed model digest assets/minilm
    """
    from securefed.wiring import trial

    with working(f"Reading {folder}"):
        found = trial.model_digest(folder)
    _say(as_json, folder, str(found))


def _say(as_json: bool, folder: Path, digest: str) -> None:
    answer(
        as_json,
        "model-folder",
        {"folder": str(folder), "digest": digest},
        f"{folder}\n{digest}",
        f'write model = "{folder.name}" and model_sha256 = "{digest}" into the study',
    )
