"""The report as one HTML page.

Templates escape every text; only our own drawings are markup. A page policy forbids scripts and
everything that would be fetched, should an escape ever be forgotten.
"""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from securefed.adapters.report_files.drawing import drawn
from securefed.domain.claims import Source, runs
from securefed.domain.report.model import AuditReport, Block, Line

_SHORT, _LONG = 20, 60


def report_page(report: AuditReport) -> str:
    """The page's text."""
    return _environment().get_template("report.html").render(report=report) + "\n"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(drawn=drawn, kind=_kind, mark=_mark, common=_common, day=_day, shape=_shape)
    return made


def _kind(block: Block) -> str:
    return type(block).__name__.lower()


def _day(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC"


def _shape(text: str) -> str:
    """How a cell's text is set: as code, kept in one line, or given room."""
    if text.startswith(("sha256:", "ed25519:", "cr-")):
        return "code"
    return "short" if len(text) <= _SHORT else "text" if len(text) <= _LONG else "long"


def _common(line: Line) -> Source | None:
    """The source of all of a line's values, if they share one."""
    sources = {cell.source for cell in line.cells}
    return sources.pop() if len(sources) == 1 else None


def _mark(source: Source) -> Markup:
    """Where something stands, with links to the entries cited."""
    if not source:
        return Markup('<strong class="lacking">not evidenced</strong>')
    links = Markup(", ").join(_link(first, last) for first, last in runs(source.entries))
    if not links:
        return Markup('<span class="source">{}</span>').format(source.how)
    word = "entry" if len(set(source.entries)) == 1 else "entries"
    words = f"{source.how} {word}".strip()
    return Markup('<span class="source">{}&nbsp;{}</span>').format(words, links)


def _link(first: int, last: int) -> Markup:
    words = f"{first}" if first == last else f"{first}–{last}"
    return Markup('<a href="#entry-{}">{}</a>').format(first, words)
