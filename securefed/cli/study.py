"""`securefed study`: write a study, see what it would cost, and ask the sites."""

from pathlib import Path
from typing import Annotated

import typer

from securefed.cli import (
    study_log,
    study_plan,
    study_run,
    study_search,
    study_sites,
    study_stop,
    study_trials,
    study_try,
)
from securefed.cli.output import AsJson, answer, table, write_text
from securefed.cli.study_options import As, File, Folder, Key, called, set_anew, set_plain
from securefed.domain.identifiers import AccountId, Line, StudyId
from securefed.domain.study import Study
from securefed.errors import AlreadyExists

app = typer.Typer(no_args_is_help=True)
app.command("plan")(study_plan.plan)
app.command("try")(study_try.try_out)
app.command("search")(study_search.search)
app.command("trials")(study_trials.trials)
app.command("compare")(study_trials.compare)
app.command("status")(study_sites.status)
app.command("run")(study_run.run)
app.command("resume")(study_stop.resume)
app.command("stop")(study_stop.stop)
app.command("log")(study_log.log)
app.command("export")(study_log.export)

Coordinator = Annotated[
    str | None,
    typer.Option("--coordinator", help="The coordinator's public key, in place of the file's."),
]
Custodians = Annotated[
    list[str] | None,
    typer.Option(
        "--custodian", help="A custodian's public key, in place of the file's; repeat for each."
    ),
]
Sites = Annotated[
    Path | None,
    typer.Option("--federation", help="File them at these sites.", show_default="as files"),
]
Anew = Annotated[bool, typer.Option("--anew", help="Ask every site again, as after a denial.")]
Requests = Annotated[Path, typer.Option("--out", help="Where the signed requests go.")]


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


@app.command("write")
def write(
    file: File,
    anew: Annotated[
        list[str], typer.Option("--set", help="KEY=VALUE: sets a key anew in the copy; repeat.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The file to write, which is new.")],
    as_json: AsJson = False,
) -> None:
    """Write a copy of a study in which some keys are set anew, to submit and to run.

    What is submitted and run is always a whole file, so that what was approved can be read again.

    Example: securefed study write study.toml --set privacy.clip=0.5 --out clipped.toml
    """
    from securefed.config import write_study

    changes = set_anew(anew)
    study = write_study(file, changes, out)
    answer(
        as_json,
        "study-file",
        {"study": study.study, "file": str(out), "set": set_plain(changes)},
        "\n".join([f"Wrote {out}, which is {file} with:", *(f"  {one}" for one in changes)]),
        f"securefed study plan {out} --delta 1e-6",
    )


@app.command("submit")
def submit(
    file: File,
    requester: As,
    key: Key,
    coordinator: Coordinator = None,
    custodian: Custodians = None,
    federation: Sites = None,
    folder: Folder = None,
    anew: Anew = False,
    out: Requests = Path(),
    as_json: AsJson = False,
) -> None:
    """Ask each site of a study to take part: over the network, or by files for the sites' owners.

    With --federation, each request is filed at its site and remembered in the run's folder; doing
    it again files nothing twice. Without, one signed file a site is written to --out. A study whose
    updates are sealed names who can open their sums: in its file, or here.

    Example: securefed study submit study.toml --as dana --key dana.key --federation federation.toml
    """
    from securefed.config import load_study, with_keys

    if federation is None:
        study = with_keys(load_study(file), coordinator, custodian or [])
        _write_requests(study, AccountId(requester), key, out, as_json=as_json)
        return
    from securefed.wiring import study as wiring_study

    opened = wiring_study.new_study(
        file, folder, lambda study: with_keys(study, coordinator, custodian or [])
    )
    call = called(file, folder, federation, requester, key)
    study_sites.file_at_sites(
        opened, requester, key, federation, anew=anew, call=call, as_json=as_json
    )


def _write_requests(study: Study, who: AccountId, key: Path, out: Path, *, as_json: bool) -> None:
    """A signed file for each site, for whoever brings it there."""
    from securefed.steps.submit_request import write_request
    from securefed.wiring import basics

    study.sealing.expect_openable()
    signer, now = basics.load_signer(key), basics.clock().now()
    requests = [write_request(study, one.site, who, signer, now) for one in study.participants]
    paths = [basics.write_request_file(one, out) for one in requests]
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
