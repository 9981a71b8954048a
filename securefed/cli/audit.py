"""`securefed audit`: what other people's figures, and ours, are worth."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli import audit_attack, audit_evidence, audit_report
from securefed.cli.output import AsJson, answer, working
from securefed.domain.canonical import Plain
from securefed.errors import ConfigInvalid, ExitCode

if TYPE_CHECKING:
    from securefed.domain.lint.facts import Remark
    from securefed.domain.lint.verdict import Figure, LintFinding, LintReport

app = typer.Typer(no_args_is_help=True)
app.command("attack")(audit_attack.attack)
app.command("evidence")(audit_evidence.evidence)
app.command("report")(audit_report.report)
app.command("verify")(audit_evidence.verify)

File = Annotated[
    Path | None, typer.Argument(help="A training script that uses Opacus or Flower. It never runs.")
]
DeclaredNumbers = Annotated[
    list[str] | None,
    typer.Option("--declared", help="KEY=VALUE: a number that the script does not state."),
]


@app.command("lint")
def lint(file: File = None, declared: DeclaredNumbers = None, as_json: AsJson = False) -> None:
    """Name the mistakes in a script's privacy accounting, or in declared numbers, and recompute ε.

    Exits with 6 if there is a mistake. What cannot be told from the script is listed with what to
    declare.

    Example: securefed audit lint train.py --declared records=400
    """
    from securefed.domain.lint.declared import declared_from
    from securefed.steps.lint_script import lint_declared, lint_file
    from securefed.wiring import basics

    numbers = declared_from(declared or ())
    if file is None and not declared:
        hint = "Run 'securefed audit lint train.py', or declare numbers with --declared."
        raise ConfigInvalid("There is no script and nothing is declared", hint=hint)
    with working("Reading and accounting"):
        accountant = basics.accountant()
        if file is None:
            report = lint_declared(numbers, accountant)
        else:
            report = lint_file(file, numbers, accountant)
    again = f"securefed audit lint {'' if file is None else f'{file} '}--declared KEY=VALUE"
    then = again if report.undetermined else ""
    answer(as_json, "accounting-lint", report_document(report), report_text(report), then)
    if report.findings:
        raise typer.Exit(int(ExitCode.INTEGRITY))


def report_text(report: "LintReport") -> str:
    """The report as a person reads it."""
    count = len(report.findings)
    head = f"{count} {'mistake' if count == 1 else 'mistakes'} found in {report.subject}"
    parts = [head, *(_finding_text(one) for one in report.findings)]
    parts += [f"{_place(line)}in all  {_figure_text(one)}" for line, one in report.totals]
    parts += _remarks("Could not determine", report.undetermined)
    parts += _remarks("Notes", report.notes)
    return "\n\n".join(parts)


def report_document(report: "LintReport") -> dict[str, Plain]:
    """The report as JSON; numbers are texts."""
    return {
        "subject": report.subject,
        "findings": [
            {
                "mistake": one.kind,
                "where": one.where,
                "what": one.what,
                "explanation": one.explanation,
                "claimed": _figure_document(one.claimed),
                "honest": _figure_document(one.honest),
            }
            for one in report.findings
        ],
        "totals": [{"line": line, "figure": _figure_document(one)} for line, one in report.totals],
        "undetermined": [_remark_document(one) for one in report.undetermined],
        "notes": [_remark_document(one) for one in report.notes],
    }


def _finding_text(one: "LintFinding") -> str:
    return "\n".join(
        [
            f"{one.kind}  {one.where}",
            f"  {one.what}.",
            f"  claimed  {_figure_text(one.claimed)}",
            f"  honest   {_figure_text(one.honest)}",
            *(f"  {line}" for line in _wrapped(one.explanation)),
        ]
    )


def _figure_text(figure: "Figure") -> str:
    from securefed.domain.lint.mistakes.mistake import plain

    noise = "" if figure.noise is None else f", σ = {plain(figure.noise)}"
    if figure.unbounded:
        return f"ε infinite: {figure.words}"
    if figure.loss is None:
        lacking = f": declare {' and '.join(figure.missing)}" if figure.missing else ""
        return f"{figure.words}{lacking}"
    loss = figure.loss
    bound = f"Rényi bound {_up(loss.upper_bound)}"
    return (
        f"ε = {_up(loss.epsilon)} ({bound}) at δ = {plain(loss.delta)}, "
        f"{loss.adjacency}, {loss.accountant}: {figure.words}{noise}"
    )


def _up(epsilon: Decimal) -> str:
    """An ε to three places, upwards: two accountants differ in the second."""
    if epsilon.is_infinite():
        return "infinite"
    return str(epsilon.quantize(Decimal("0.001"), rounding="ROUND_CEILING"))


def _figure_document(figure: "Figure") -> Plain:
    from securefed.domain.records import to_plain

    return {
        "words": figure.words,
        "unbounded": figure.unbounded,
        "noise_multiplier": to_plain(figure.noise),
        "loss": to_plain(figure.loss),
        "missing": list(figure.missing),
    }


def _remarks(heading: str, remarks: "tuple[Remark, ...]") -> list[str]:
    lines = [f"  {_remark_text(one)}" for one in remarks]
    return ["\n".join([heading, *lines])] if lines else []


def _remark_text(one: "Remark") -> str:
    return f"{_place(one.line)}{one.what}{f'; declare {one.declare}' if one.declare else ''}"


def _place(line: int | None) -> str:
    return "" if line is None else f"line {line}: "


def _remark_document(one: "Remark") -> Plain:
    return {"line": one.line, "what": one.what, "declare": one.declare}


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 96)
