"""`securefed study submit` over the network, and `securefed study status`: a study at its sites."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from securefed.cli.output import AsJson, answer, table, working
from securefed.cli.study_options import As, Federation, File, Folder, Key, at_sites, called, named
from securefed.domain.canonical import Plain
from securefed.domain.identifiers import AccountId
from securefed.domain.sheet import moment
from securefed.errors import ExitCode

if TYPE_CHECKING:
    from securefed.wiring.study import Filing, OpenStudy

_LAST = 5


def file_at_sites(
    opened: "OpenStudy",
    requester: str,
    key: Path,
    federation: Path,
    *,
    anew: bool,
    call: str,
    as_json: bool,
) -> None:
    """Files each site's request over PySyft, and says where it stands."""
    with at_sites(federation, key) as ways, working("Filing the requests"):
        filed = opened.submit(ways, AccountId(requester), anew=anew)
    then = f"securefed study status {call}"
    answer(as_json, "requests-filed", {"requests": _document(filed)}, _table(filed), then)
    _end(filed)


def status(
    file: File,
    federation: Federation,
    requester: As,
    key: Key,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show where a study's requests stand at its sites, how many rounds are done, what was last.

    Example: securefed study status study.toml --federation federation.toml --as dana --key dana.key
    """
    from securefed.cli.run_view import told
    from securefed.wiring import study as wiring_study

    opened = wiring_study.filed_study(file, folder)
    opened.expect_filed_by(AccountId(requester))
    with at_sites(federation, key) as ways, working("Asking the sites"):
        found = opened.standing(ways)
    done, rounds = opened.folder.finished, opened.study.rounds
    lines = [line for line in opened.log.lines() if told(line)][-_LAST:]
    last = [f"{moment(line.at)}  {told(line)}" for line in lines]
    told_lines: list[Plain] = [*last]
    answer(
        as_json,
        "study-status",
        {
            "study": opened.study.study,
            "rounds": rounds,
            "done": done,
            "requests": _document(found),
            "log": told_lines,
        },
        "\n".join([_table(found), "", f"{done} of {rounds} rounds are done", *last]),
        _next(opened, found, named(file, folder), called(file, folder, federation, requester, key)),
    )
    _end(found)


def _next(opened: "OpenStudy", found: "list[Filing]", study: str, call: str) -> str:
    from securefed.wiring.members import MAY_RUN

    ready = sum(one.state in MAY_RUN for one in found)
    if opened.over:
        return f"securefed study export {study} --out MODEL"
    verb = "run" if ready >= opened.study.minimum_sites else "status"
    return f"securefed study {verb} {call}"


def _table(found: "list[Filing]") -> str:
    rows = [
        (one.site, one.request or "none", _state(one), str(one.error) if one.error else "")
        for one in found
    ]
    return table(("site", "request", "state", ""), rows, "")


def _state(one: "Filing") -> str:
    if one.error is not None:
        return one.error.code
    return "none" if one.state is None else str(one.state)


def _document(found: "list[Filing]") -> Plain:
    return [
        {
            "site": one.site,
            "request": one.request,
            "state": None if one.state is None else str(one.state),
            "error": None
            if one.error is None
            else {"code": one.error.code, "what": str(one.error)},
        }
        for one in found
    ]


def _end(found: "list[Filing]") -> None:
    """A site that did not do its part is told by the exit code, too."""
    if any(one.error for one in found):
        sys.exit(int(ExitCode.UNREACHABLE))
