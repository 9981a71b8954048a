"""The `securefed` program. It registers the nouns and turns what went wrong into an exit code.

Importing this file loads neither pydantic, nor dp-accounting, nor anything heavier: each command
imports what it needs when it runs, so that help appears at once.
"""

import os
import sys
from typing import Annotated

import click
import typer

from securefed import __version__
from securefed.cli import (
    account,
    audit,
    budget,
    custodian,
    demo,
    doctor,
    ledger,
    model,
    request,
    site,
    study,
)
from securefed.cli.output import fail, fail_unexpected
from securefed.errors import ExitCode, SecurefedError
from securefed.wiring.garbage import look_seldom

app = typer.Typer(
    name="securefed",
    help="Federated learning under differential privacy, with approvals and a ledger.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(site.app, name="site", help="Set up and check a data owner's site.")
app.add_typer(account.app, name="account", help="Who may do what at a site.")
app.add_typer(study.app, name="study", help="Write a study and ask the sites.")
app.add_typer(request.app, name="request", help="Read what is asked of a site, and decide.")
app.add_typer(budget.app, name="budget", help="What may be spent on a dataset, and what has been.")
app.add_typer(custodian.app, name="custodian", help="Keep a study's key, and open its sums.")
app.add_typer(ledger.app, name="ledger", help="What happened, and whether the record is whole.")
app.add_typer(audit.app, name="audit", help="What privacy claims are worth.")
app.add_typer(model.app, name="model", help="Models that studies begin with and end with.")
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Federated learning under differential privacy, with approvals and a ledger."""


def main() -> None:
    """Runs the program."""
    look_seldom()
    debug = "--debug" in sys.argv
    try:
        # Not standalone, so that our errors come out; a command's own exit code is then returned.
        code = app(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else int(ExitCode.OK))
    except click.exceptions.Abort:
        sys.exit(int(ExitCode.INTERRUPTED))
    except KeyboardInterrupt:
        sys.exit(int(ExitCode.INTERRUPTED))
    except click.ClickException as error:
        error.show()
        sys.exit(int(ExitCode.USAGE))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(int(ExitCode.OK))
    except SecurefedError as error:
        if debug:
            raise
        fail(error)
    except Exception as error:
        if debug:
            raise
        fail_unexpected(error)
