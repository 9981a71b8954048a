"""`securefed study plan`: what a study costs at each site and what would fit, asking nobody."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.numbers import exact
from securefed.cli.options import open_site
from securefed.cli.output import AsJson, answer, table, working, write_text
from securefed.cli.plan_view import plan_text
from securefed.cli.study_options import Set, set_anew, set_plain, set_told, written
from securefed.domain.canonical import Plain
from securefed.domain.chart import svg_curve, text_curve
from securefed.domain.identifiers import AccountId
from securefed.domain.numbers import positive, probability
from securefed.domain.plan import ReviewPlan
from securefed.domain.records import to_plain
from securefed.domain.rules.speak import shown
from securefed.domain.study import Participant, Study

if TYPE_CHECKING:
    from securefed.config import Change
    from securefed.steps.plan_budget import Figures, Fitting

File = Annotated[Path, typer.Argument(help="The study file.")]
Delta = Annotated[str, typer.Option("--delta", help="The δ to predict at, without a site.")]
Target = Annotated[
    str | None, typer.Option("--epsilon", help="Also say what would cost at most this ε.")
]
Svg = Annotated[Path | None, typer.Option("--svg", help="Draw ε against rounds into this file.")]
Sites = Annotated[
    list[Path] | None,
    typer.Option("--site", help="A site's folder on this machine: its whole plan instead."),
]
Requester = Annotated[str | None, typer.Option("--as", help="Your account at those sites.")]
Key = Annotated[Path | None, typer.Option("--key", help="Your private key file.")]


def plan(
    file: File,
    delta: Delta = "1e-6",
    epsilon: Target = None,
    svg: Svg = None,
    site: Sites = None,
    requester: Requester = None,
    key: Key = None,
    anew: Set = None,
    as_json: AsJson = False,
) -> None:
    """Predict what a study costs at each site, and with --epsilon what would fit.

    With --site, --as and --key: the whole review plan that the site would draw up, and what of its
    budget is left.

    Example: securefed study plan study.toml --delta 1e-6 --epsilon 1
    """
    from securefed.config import load_study

    changes = set_anew(anew)
    study = load_study(file, changes)
    if site:
        if requester is None or key is None:
            raise typer.BadParameter("--site needs --as and --key")
        _at_sites(study, changes, site, AccountId(requester), key, as_json)
        return
    at = probability("--delta", exact("--delta", delta))
    target = None if epsilon is None else positive("--epsilon", exact("--epsilon", epsilon))
    predicted = [_predict(study, one, at, target) for one in study.participants]
    worst = max(predicted, key=lambda one: one[1].loss.epsilon)
    if svg is not None:
        write_text(svg, svg_curve(worst[1].curve))
    answer(
        as_json,
        "study-prediction",
        {
            "study": study.study,
            "delta": to_plain(at),
            "sites": [_document(*one) for one in predicted],
            "set": set_plain(changes),
        },
        "\n".join([*set_told(changes), _text(study, at, predicted, worst)]),
        written(file, anew) if changes else f"securefed study submit {file} --as NAME --key FILE",
    )


Predicted = tuple[Participant, "Figures", "Fitting | None"]


def _predict(study: Study, part: Participant, delta: Decimal, target: Decimal | None) -> Predicted:
    from securefed.steps.plan_budget import cost_of, fitting, planned
    from securefed.wiring import basics

    accountant, one = basics.accountant(), planned(part)
    with working(f"Accounting for {part.site}"):
        figures = cost_of(one, study.attempts, delta, accountant)
        if target is None:
            return part, figures, None
        return part, figures, fitting(one, study.attempts, delta, target, accountant)


def _text(study: Study, delta: Decimal, predicted: list[Predicted], worst: Predicted) -> str:
    attempts = f"{study.rounds} rounds, {study.spare_attempts} spare attempts"
    headings = ["site", "dataset", "noise", "sampling", "steps", "ε", "ε (Rényi)", "ε (replace)"]
    fits = ["noise that fits", "sampling that fits", "rounds that fit"] if worst[2] else []
    return "\n".join(
        [
            f"{study.title}: {attempts}, at δ = {delta}, add-remove one unit",
            table([*headings, *fits], [_row(*one) for one in predicted], ""),
            "",
            f"At {worst[0].site}:",
            text_curve(worst[1].curve),
        ]
    )


def _row(part: Participant, figures: "Figures", fits: "Fitting | None") -> list[str]:
    training, loss = part.training, figures.loss
    row = [
        part.site,
        part.dataset,
        str(training.noise_multiplier),
        f"{training.sampling_rate} {training.sampling}",
        str(training.steps),
        shown(loss.epsilon),
        shown(loss.upper_bound),
        shown(loss.replace_one),
    ]
    return row if fits is None else [*row, *_fits_row(fits)]


def _fits_row(fits: "Fitting") -> list[str]:
    return [
        str(fits.noise_multiplier or "none"),
        str(fits.sampling_rate or "none"),
        str(fits.rounds),
    ]


def _document(part: Participant, figures: "Figures", fits: "Fitting | None") -> Plain:
    return {
        "site": part.site,
        "attempts": figures.rounds,
        "mechanisms": to_plain(part.attempt),
        "loss": to_plain(figures.loss),
        "curve": to_plain(figures.curve),
        "fits": None if fits is None else to_plain(fits),
    }


def _at_sites(
    study: Study,
    changes: "tuple[Change, ...]",
    folders: list[Path],
    who: AccountId,
    key: Path,
    as_json: bool,
) -> None:
    found = [_at_site(study, folder, who, key) for folder in folders]
    plans = (f"{plan_text(plan)}\n\n{_left_text(left)}" for plan, left in found)
    answer(
        as_json,
        "study-plans",
        {
            "plans": [
                {"digest": plan.digest, "plan": to_plain(plan), "left": to_plain(left)}
                for plan, left in found
            ],
            "set": set_plain(changes),
        },
        "\n\n".join([*set_told(changes), *plans]),
    )


def _at_site(study: Study, folder: Path, who: AccountId, key: Path) -> tuple[ReviewPlan, "Fitting"]:
    from securefed.steps.plan_budget import fitting_left
    from securefed.steps.submit_request import write_request
    from securefed.wiring import basics

    party, signer = open_site(folder).party, basics.load_signer(key)
    now = party.ledger.now()
    asked = write_request(study, party.ledger.site, who, signer, now).request
    with working(f"Drawing up the plan of {party.ledger.site}"):
        plan = party.try_plan(asked)
        return plan, fitting_left(party.register().book(asked.dataset), asked, now)


def _left_text(fits: "Fitting") -> str:
    rows = [
        ("attempts at a round, as they are", str(fits.rounds)),
        ("noise multiplier, at least", str(fits.noise_multiplier or "none fits")),
        ("sampling rate, at most", str(fits.sampling_rate or "none fits")),
    ]
    return "What fits what is left for you here, changed alone\n" + table(
        ("what", "value"), rows, ""
    )
