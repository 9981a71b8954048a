"""The report as one HTML page.

Templates escape every text; only our own drawings are markup. A page policy forbids scripts and
everything that would be fetched, should an escape ever be forgotten.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from securefed.adapters.report_files.drawing import drawn
from securefed.domain.claims import Source, runs
from securefed.domain.report.model import AuditReport, Block, Chart, Line, StudyReport

_SHORT, _LONG = 20, 60
_PIECE = 16


def report_page(report: AuditReport | StudyReport) -> str:
    """The page's text."""
    several = isinstance(report, StudyReport)
    made = (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            several=several,
            about=_about(report),
            line=_line(report),
            first="overview" if several else "section-0",
        )
    )
    return made + "\n"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(drawn=_drawn, kind=_kind, mark=_mark, common=_common, day=_day)
    made.filters.update(shape=_shape, breakable=_breakable)
    return made


def _about(report: AuditReport | StudyReport) -> str:
    """What the page is about, for its title."""
    if isinstance(report, StudyReport):
        return f"the study {report.study}"
    return f"{report.site}, study {report.study}" if report.study else report.site


def _line(report: AuditReport | StudyReport) -> str:
    if isinstance(report, StudyReport):
        return f"Study {report.study} · {len(report.chapters)} sites"
    return f"Site {report.site} · study {report.study}" if report.study else f"Site {report.site}"


def _drawn(chart: Chart, prefix: str) -> Markup:
    """The chart, with names inside that no other site's chart has."""
    return drawn(replace(chart, figure=prefix + chart.figure))


def _kind(block: Block) -> str:
    return type(block).__name__.lower()


def _day(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC"


def _shape(text: str) -> str:
    """How a cell's text is set: as code, kept in one line, or given room."""
    if text.startswith(("sha256:", "ed25519:", "cr-")):
        return "code"
    return "short" if len(text) <= _SHORT else "text" if len(text) <= _LONG else "long"


def _breakable(text: str) -> Markup:
    """The text with places where a long word may go on in the next line.

    A style sheet that lets words break anywhere has WeasyPrint try every letter of every cell."""
    words = (
        Markup("<wbr>").join(word[at : at + _PIECE] for at in range(0, len(word), _PIECE))
        for word in text.split(" ")
    )
    return Markup(" ").join(words)


def _common(line: Line) -> Source | None:
    """The source of all of a line's values, if they share one."""
    sources = {cell.source for cell in line.cells}
    return sources.pop() if len(sources) == 1 else None


def _mark(source: Source, prefix: str) -> Markup:
    """Where something stands, with links to the entries cited, told apart by a site's prefix."""
    if not source:
        return Markup('<strong class="lacking">not evidenced</strong>')
    links = Markup(", ").join(_link(prefix, first, last) for first, last in runs(source.entries))
    if not links:
        return Markup('<span class="source">{}</span>').format(source.how)
    word = "entry" if len(set(source.entries)) == 1 else "entries"
    words = f"{source.how} {word}".strip()
    return Markup('<span class="source">{}&nbsp;{}</span>').format(words, links)


def _link(prefix: str, first: int, last: int) -> Markup:
    words = f"{first}" if first == last else f"{first}–{last}"
    return Markup('<a href="#{}entry-{}">{}</a>').format(prefix, first, words)
