"""`securefed study`: write a study, see what it would cost, and ask the sites."""

from pathlib import Path
from typing import Annotated

import typer

from securefed.cli import study_plan, study_try
from securefed.cli.output import AsJson, answer, table, write_text
from securefed.domain.identifiers import AccountId, Line, StudyId
from securefed.errors import AlreadyExists

app = typer.Typer(no_args_is_help=True)
app.command("plan")(study_plan.plan)
app.command("try")(study_try.try_out)

File = Annotated[Path, typer.Argument(help="The study file.")]
As = Annotated[str, typer.Option("--as", help="Your account at the sites.")]
Key = Annotated[Path, typer.Option("--key", help="Your private key file.")]


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="The study's name.")],
    title: Annotated[str, typer.Option("--title", help="What people call it.")] = "A new study",
    out: Annotated[Path, typer.Option("--out", help="The file to write.")] = Path("study.toml"),
    as_json: AsJson = False,
) -> None:
    """Write a commented study file to start from.

    Example: securefed study new readmission
    """
    from securefed.config import study_template

    if out.exists():
        raise AlreadyExists("The file exists already", where=str(out))
    write_text(out, study_template(StudyId(name), Line(title)))
    answer(
        as_json,
        "study-file",
        {"study": name, "file": str(out)},
        f"Wrote {out}. Edit it: sites, recipe, rounds, noise.",
        f"securefed study plan {out} --delta 1e-6",
    )


@app.command("submit")
def submit(
    file: File,
    requester: As,
    key: Key,
    out: Annotated[Path, typer.Option("--out", help="Where the signed requests go.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Sign one request for each site of the study, as files to send to the sites' owners.

    Example: securefed study submit study.toml --as dana --key dana.key --out requests
    """
    from securefed import wiring
    from securefed.config import load_study
    from securefed.steps.submit_request import write_request

    study, signer, now = load_study(file), wiring.load_signer(key), wiring.clock().now()
    who = AccountId(requester)
    requests = [write_request(study, one.site, who, signer, now) for one in study.participants]
    paths = [wiring.write_request_file(one, out) for one in requests]
    rows = [
        (one.request.request, one.request.site, str(path))
        for one, path in zip(requests, paths, strict=True)
    ]
    headings = ("request", "site", "file")
    answer(
        as_json,
        "requests-signed",
        {"requests": [dict(zip(headings, row, strict=True)) for row in rows]},
        table(headings, rows, ""),
        f"send each file to its site; the owner runs: securefed request receive {paths[0].name}",
    )
