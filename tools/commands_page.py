"""The page of all commands, written from the program itself so that it can't lag behind."""

import inspect

import click
import typer.main

from securefed.cli.app import app

_HEAD = """\
# Commands

<!-- `make golden` writes this page from securefed/cli. -->

Every command has `--help` and `--json`. Results go to stdout, everything else to stderr; the exit
codes are on [the page of errors](errors.md). A site's folder is named with `--site` or
`SECUREFED_SITE`.
"""


def commands_page() -> str:
    """The page."""
    program = typer.main.get_command(app)
    return "\n".join([_HEAD, *_sections(program, ("securefed",))])


def _sections(command: click.Command, path: tuple[str, ...]) -> list[str]:
    if isinstance(command, click.Group):
        return [
            line
            for name in sorted(command.commands)
            for line in _sections(command.commands[name], (*path, name))
        ]
    return _section(command, path)


def _section(command: click.Command, path: tuple[str, ...]) -> list[str]:
    text, _, example = inspect.cleandoc(command.help or "").partition("Example: ")
    options = [
        f"| `{_signature(one)}` | {getattr(one, 'help', None) or ''} |"
        for one in command.params
        if one.name != "as_json"
    ]
    rows = ["| argument | meaning |", "| --- | --- |", *options, ""] if options else []
    return [f"## {' '.join(path)}", "", text.strip(), "", *rows, f"    {example.strip()}", ""]


def _signature(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Argument):
        return (parameter.metavar or parameter.name or "").upper()
    required = " (required)" if parameter.required else ""
    return " / ".join(parameter.opts) + required
