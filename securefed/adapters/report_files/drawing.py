"""Charts as inline SVG, by matplotlib.

Colours are told apart by colour-blind readers and in grey print, and lines differ in their dashes,
too. Text stays text. No date, no random name and no link is in the result, so the same chart gives
the same bytes; names inside are prefixed with the figure's, so that several fit on one page.
"""

import re
from datetime import datetime
from io import StringIO
from typing import cast

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from securefed.domain.report.model import Chart, Drawing, Series

# Okabe and Ito's blue and vermilion: they differ in lightness as well.
COLOURS = ("#0072b2", "#b34700")
LIMIT = "#222222"
_INK = "#222222"
_DASHES = ("solid", (0, (5, 2)))
_HATCHES = ("", "////")
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.edgecolor": "#555555",
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 1.0,
    "timezone": "UTC",
}


def drawn(chart: Chart) -> Markup:
    """The chart as an `svg` element with its title and description."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": chart.figure}):
        figure = Figure(figsize=(8.4, 3.9), layout="constrained")
        FigureCanvasSVG(figure)
        _draw(figure.add_subplot(), chart)
        out = StringIO()
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(out, format="svg", metadata=nothing, transparent=True)
    return _inline(out.getvalue(), chart)


def _draw(axes: Axes, chart: Chart) -> None:
    for place, series in enumerate(chart.series):
        _one(axes, chart, series, place)
    if chart.limit is not None:
        name, at = chart.limit
        axes.axhline(float(at), color=LIMIT, linewidth=1.4, linestyle=(0, (2, 2)), label=name)
    if chart.logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(_power))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(bottom=0, top=_top(chart))
    axes.set_xlabel(chart.across)
    axes.set_ylabel(chart.up)
    axes.grid(visible=True, axis="y", color="#d5d5d5", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, ncols=3)


def _one(axes: Axes, chart: Chart, series: Series, place: int) -> None:
    up = [float(one) for one in series.up]
    colour, dashes = COLOURS[place % 2], _DASHES[place % 2]
    if chart.drawing is Drawing.BARS:
        axes.bar(
            [index + 0.38 * place - 0.19 for index in range(len(up))],
            up,
            width=0.38,
            color="white" if place else colour,
            edgecolor=colour,
            hatch=_HATCHES[place % 2],
            label=series.name,
        )
        names = cast(tuple[str, ...], series.across)
        every = -(-len(names) // 20)
        axes.set_xticks(range(0, len(names), every), names[::every])
    elif chart.drawing is Drawing.STEPS:
        moments = cast(tuple[datetime, ...], series.across)
        days = [float(date2num(one)) for one in moments]
        axes.step(
            days, up, where="post", color=colour, linestyle=dashes, linewidth=2, label=series.name
        )
        locator = AutoDateLocator(minticks=3)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    else:
        across = [float(str(one)) for one in series.across]
        axes.plot(across, up, color=colour, linestyle=dashes, linewidth=2, label=series.name)
        axes.xaxis.set_major_locator(MaxNLocator(8))


def _power(value: float, _place: int | None = None) -> str:
    """A power of ten as the tables write it."""
    mantissa, _, power = f"{value:e}".partition("e")
    return f"{float(mantissa):g}e{int(power)}"


def _top(chart: Chart) -> float:
    values = [float(one) for series in chart.series for one in series.up]
    limit = [] if chart.limit is None else [float(chart.limit[1])]
    return 1.08 * max([*values, *limit, 1e-6])


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}"


def _inline(text: str, chart: Chart) -> Markup:
    """The drawing without what a page has already, named by its figure."""
    body = text[text.index("<svg") :]
    head, _, rest = body.partition(">")
    found = re.search(r'viewBox="([^"]*)"', head)
    size = found[1] if found else "0 0 605 281"
    rest = re.sub(r"<metadata>.*?</metadata>", "", rest, flags=re.DOTALL)
    rest = re.sub(r"<style[^>]*>.*?</style>", "", rest, flags=re.DOTALL)
    # Layouts of two versions of Python differ in the fifth place.
    rest = re.sub(r"<[^>]+>", lambda tag: _NUMBER.sub(_rounded, tag[0]), rest)
    name = chart.figure
    rest = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', rest)
    rest = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", rest)
    rest = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{name}-\1"', rest)
    labels = f"{name}-title {name}-desc"
    head = Markup(
        '<svg viewBox="{}" role="img" aria-labelledby="{}" class="chart">'
        '<title id="{}-title">{}</title><desc id="{}-desc">{}</desc>'
    ).format(size, labels, name, chart.title, name, chart.alternative)
    return head + Markup(rest)  # noqa: S704 - matplotlib's own, which escapes the text in it
