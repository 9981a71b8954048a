"""`securefed audit attack`: attacks on the training engine, beside what is accounted for it."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.model_predict import OwnCode
from securefed.cli.output import AsJson, answer, counting, table, working
from securefed.cli.study_options import Assets
from securefed.domain.canonical import Plain
from securefed.errors import ConfigInvalid, ExitCode

if TYPE_CHECKING:
    from securefed.domain.attack import AttackLine, AttackReport
    from securefed.wiring.models import Beside

_WIDTH = 96
_REMINDER = (
    "No alarm proves no privacy: it says that these attacks found nothing. An alarm is a defect; "
    "a right engine raises one in less than one audit of a million."
)


def attack(
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer canaries and shadow models; lower bounds.")
    ] = False,
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Attack an exported model, in place of the engine."),
    ] = None,
    members: Annotated[
        Path | None,
        typer.Option("--members", help="The dataset.toml of records that it was trained on."),
    ] = None,
    others: Annotated[
        Path | None,
        typer.Option("--others", help="The dataset.toml of records that it was not trained on."),
    ] = None,
    assets: Assets = None,
    own_code: OwnCode = None,
    as_json: AsJson = False,
) -> None:
    """Attack the training engine on made-up records, and set what is found beside the ε accounted.

    Canaries are trained on by fair coins, through the real sampling, clipping and noise; nothing of
    a site is read and nothing is charged. Exits with 6 if there is an alarm.

    With --model, membership inference against an exported model, on records that you hold: whether
    its losses tell those that it was trained on from others of the same kind.

    Example: securefed audit attack --quick
    """
    from securefed.wiring import attack as wiring_attack
    from securefed.wiring.models import Beside

    if model is not None or members is not None or others is not None:
        if model is None or members is None or others is None or quick:
            raise ConfigInvalid("--model goes with --members and --others, and not with --quick")
        _attack_model(model, members, others, Beside(assets=assets, own_code=own_code), as_json)
        return
    ready = wiring_attack.attack_engine(quick=quick)
    with counting("Attacking the engine", ready.stages) as on_stage:
        report = ready.run(on_stage)
    answer(as_json, "privacy-attack", attack_document(report), attack_text(report))
    if report.alarms:
        raise typer.Exit(int(ExitCode.INTEGRITY))


def _attack_model(
    model: Path, members: Path, others: Path, beside: "Beside", as_json: bool
) -> None:
    from securefed.config import load_card
    from securefed.wiring import attack as wiring_attack

    with working(f"Attacking {model}"):
        report = wiring_attack.attack_model(model, load_card(members), load_card(others), beside)
    answer(as_json, "privacy-attack", attack_document(report), attack_text(report))


def attack_text(report: "AttackReport") -> str:
    """The report as a person reads it."""
    alarms = len(report.alarms)
    head = f"{alarms or 'No'} {'alarm' if alarms == 1 else 'alarms'} in {len(report.lines)} lines"
    rows = [(one.outcome, one.tried, _chance(one)) for one in report.lines]
    headings = ("outcome", "what was tried", "chance of looking so wrong")
    parts = [head, table(headings, rows, "Nothing was tried."), *map(_line_text, report.lines)]
    return "\n\n".join([*parts, textwrap.fill(_REMINDER, _WIDTH)])


def attack_document(report: "AttackReport") -> dict[str, Plain]:
    """The report as JSON; numbers are texts."""
    return {
        "alarms": len(report.alarms),
        "false_alarm": f"{report.false_alarm:f}",
        "lines": [
            {
                "tried": one.tried,
                "outcome": one.outcome,
                "result": one.result,
                "shows": one.shows,
                "cannot": one.cannot,
                "chance": None if one.chance is None else str(one.chance),
                "tests": one.tests,
                "figures": {name: f"{value:f}" for name, value in one.figures.items()},
            }
            for one in report.lines
        ],
    }


def _chance(line: "AttackLine") -> str:
    return "" if line.chance is None else f"up to {line.chance}"


def _line_text(line: "AttackLine") -> str:
    said = (("found", line.result), ("can show", line.shows), ("can't", line.cannot))
    return "\n".join([line.tried, *(_indented(name, text) for name, text in said)])


def _indented(name: str, text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=f"  {name:<10}", subsequent_indent=" " * 12)
