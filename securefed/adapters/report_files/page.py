"""The report as one HTML page.

Templates escape every text; only our own drawings are markup. A page policy forbids scripts and
everything that would be fetched, should an escape ever be forgotten.
"""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from securefed.adapters.report_files.drawing import drawn
from securefed.domain.claims import Source, runs
from securefed.domain.report.model import AuditReport, Block, Line


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
    made.filters.update(drawn=drawn, kind=_kind, mark=_mark, common=_common, day=_day, hash=_hash)
    return made


def _kind(block: Block) -> str:
    return type(block).__name__.lower()


def _day(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC"


def _hash(text: str) -> bool:
    """Whether a text is a digest, a key or a name made of one."""
    return text.startswith(("sha256:", "ed25519:", "cr-"))


def _common(line: Line) -> Source | None:
    """The source of all of a line's values, if they share one."""
    sources = {cell.source for cell in line.cells}
    return sources.pop() if len(sources) == 1 else None


def _mark(source: Source) -> Markup:
    """Where something stands, with links to the entries cited."""
    if not source:
        return Markup('<strong class="lacking">not evidenced</strong>')
    links = Markup(", ").join(_link(first, last) for first, last in runs(source.entries))
    how = escape(source.how)
    if not links:
        return Markup('<span class="source">{}</span>').format(how)
    words = Markup("{} entry {}" if _single(source) else "{} entries {}").format(how, links)
    return Markup('<span class="source">{}</span>').format(words.strip())


def _single(source: Source) -> bool:
    return len(set(source.entries)) == 1


def _link(first: int, last: int) -> Markup:
    words = f"{first}" if first == last else f"{first}–{last}"
    return Markup('<a href="#entry-{}">{}</a>').format(first, words)
