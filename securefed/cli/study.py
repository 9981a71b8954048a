"""`securefed study`: write a study, see what it would cost, and ask the sites."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from securefed.cli.budget import exact
from securefed.cli.options import open_site
from securefed.cli.output import AsJson, answer, table, working
from securefed.cli.plan_view import plan_text
from securefed.domain.canonical import Plain
from securefed.domain.identifiers import AccountId, Line, StudyId
from securefed.domain.numbers import probability
from securefed.domain.privacy import PrivacyLoss
from securefed.domain.records import to_plain
from securefed.domain.rules.speak import shown
from securefed.domain.study import Participant, Study
from securefed.errors import AlreadyExists

app = typer.Typer(no_args_is_help=True)

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
    out.write_text(study_template(StudyId(name), Line(title)), encoding="utf-8")
    answer(
        as_json,
        "study-file",
        {"study": name, "file": str(out)},
        f"Wrote {out}. Edit it: sites, recipe, rounds, noise.",
        f"securefed study plan {out} --delta 1e-6",
    )


@app.command("plan")
def plan(
    file: File,
    delta: Annotated[
        str | None, typer.Option("--delta", help="The δ to predict at, without a site.")
    ] = None,
    site: Annotated[
        list[Path] | None,
        typer.Option("--site", help="A site's folder on this machine: its verdict as well."),
    ] = None,
    requester: Annotated[
        str | None, typer.Option("--as", help="Your account at those sites.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Your private key file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Predict what the study costs at each site, before asking anyone.

    With --site, --as and --key, print the whole review plan that the site would draw up.

    Example: securefed study plan study.toml --delta 1e-6
    """
    from securefed.config import load_study

    study = load_study(file)
    if site and requester and key:
        _site_plans(study, site, AccountId(requester), key, as_json)
    else:
        at = exact("--delta", delta or "1e-6")
        _prediction(study, probability("--delta", at), as_json, file)


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


def _prediction(study: Study, delta: Decimal, as_json: bool, file: Path) -> None:
    from securefed import wiring

    with working(f"Accounting for {len(study.participants)} sites"):
        loss = wiring.accountant().loss
        losses = [(one, loss(study.whole(one.site), delta)) for one in study.participants]
    headings = ("site", "dataset", "noise", "sampling", "steps", "attempts", "ε", "ε (Rényi)")
    answer(
        as_json,
        "study-prediction",
        {
            "study": study.study,
            "delta": to_plain(delta),
            "sites": [_predicted(study, one, loss) for one, loss in losses],
        },
        f"{study.title}: {study.rounds} rounds, at δ = {delta}, add-remove one unit\n"
        + table(headings, [_row(study, one, loss) for one, loss in losses], ""),
        f"securefed study submit {file} --as NAME --key FILE",
    )


def _predicted(study: Study, part: Participant, loss: PrivacyLoss) -> Plain:
    return {
        "site": part.site,
        "attempts": study.attempts,
        "mechanisms": to_plain(study.whole(part.site)),
        "loss": to_plain(loss),
    }


def _row(study: Study, part: Participant, loss: PrivacyLoss) -> tuple[str, ...]:
    training = part.training
    return (
        part.site,
        part.dataset,
        str(training.noise_multiplier),
        f"{training.sampling_rate} {training.sampling}",
        str(training.steps),
        str(study.attempts),
        shown(loss.epsilon),
        shown(loss.upper_bound),
    )


def _site_plans(
    study: Study, folders: list[Path], who: AccountId, key: Path, as_json: bool
) -> None:
    from securefed import wiring
    from securefed.steps.submit_request import write_request

    signer, now = wiring.load_signer(key), wiring.clock().now()
    plans = []
    for folder in folders:
        party = open_site(folder).party
        asked = write_request(study, party.ledger.site, who, signer, now)
        plans.append(party.try_plan(asked.request))
    answer(
        as_json,
        "study-plans",
        {"plans": [{"digest": one.digest, "plan": to_plain(one)} for one in plans]},
        "\n\n".join(plan_text(one) for one in plans),
    )
