"""The page: what people wrote stays text, nothing is fetched, and everybody can read it."""

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.adapters.report_files import report_page
from securefed.adapters.report_files.drawing import COLOURS, LIMIT, drawn
from securefed.domain.claims import Source, Statement
from securefed.domain.identifiers import Digest, Name, SiteId
from securefed.domain.report.model import (
    AuditReport,
    Cell,
    Chart,
    Cited,
    Claims,
    Command,
    Drawing,
    Line,
    Remark,
    Section,
    Series,
    table,
)

pytestmark = pytest.mark.slow

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7*7 }}$x$"
START = datetime(2026, 11, 21, 9, tzinfo=UTC)
CSS = Path("securefed/adapters/report_files/templates/report.css")
ROOT = Path(__file__).parents[2]
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Reader(HTMLParser):
    """What stands in a page, by tags."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[tuple[str, str]] = []
        self.open: list[str] = []
        # Where a line may end changes nothing of what is read.
        self.feed(page.replace("<wbr>", ""))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def said(self, tag: str) -> str:
        return "".join(data for name, data in self.text if name == tag)


def chart(drawing: Drawing = Drawing.STEPS, **changes: object) -> Chart:
    across: dict[Drawing, tuple] = {
        Drawing.STEPS: (START, START + timedelta(days=2)),
        Drawing.BARS: ("1", "2"),
        Drawing.CURVE: (Decimal("0.5"), Decimal(1)),
    }
    fields = {
        "figure": f"figure-{drawing}",
        "title": HOSTILE,
        "alternative": f"Two points. {HOSTILE}",
        "drawing": drawing,
        "across": "time",
        "up": "share",
        "series": (
            Series(name="one", across=across[drawing], up=(Decimal("0.001"), Decimal("0.1"))),
        ),
        "limit": ("allowance", Decimal(1)),
        "logarithmic": drawing is Drawing.CURVE,
        "table": table("Points", ("x", "y"), [Line("a", (Cell("b", Source()),))]),
    }
    return Chart(**{**fields, **changes})


def hostile_report(text: str = HOSTILE) -> AuditReport:
    statement = Statement(
        claim=Name("one"), heading=text, text=text, source=Source(entries=(0, 1)), needed=True
    )
    silent = Statement(claim=Name("two"), heading="", text=text, source=Source(), needed=True)
    row = Line(text, (Cell(text, Source(entries=(1,))), Cell(text, Source(how=text))))
    blocks = (
        Claims((statement, silent)),
        Remark(text),
        Command(text),
        table(text, (text, text, text), [row], text),
        table(text, (text,), [], text),
        *(chart(one) for one in Drawing),
    )
    cited = (
        Cited(index=0, at=START, kind=text, hash=Digest("sha256:" + "a" * 64)),
        Cited(index=1, at=START, kind=text, hash=Digest("sha256:" + "b" * 64)),
    )
    return AuditReport(
        site=SiteId("hospital-a"),
        study=None,
        title=text,
        at=START,
        version="1.0",
        evidence=Digest("sha256:" + "c" * 64),
        sections=(Section(0, text, blocks), Section(1, text, (Remark(text),))),
        cited=cited,
    )


@pytest.fixture(scope="module", params=["sample", "hostile"])
def page(request: pytest.FixtureRequest) -> str:
    if request.param == "sample":
        return (ROOT / "audits" / "sample" / "report.html").read_text(encoding="utf-8")
    return report_page(hostile_report())


# --- hostile text --------------------------------------------------------------------------------


def test_a_title_that_is_a_script_is_shown_as_text() -> None:
    reader = Reader(report_page(hostile_report()))
    assert reader.said("h1") == HOSTILE
    assert HOSTILE in reader.said("caption")
    assert reader.said("pre") + reader.said("code") != ""
    assert HOSTILE in reader.said("code")
    for tag in ("th", "td", "li", "b", "p", "figcaption"):
        assert HOSTILE in reader.said(tag), tag


@settings(max_examples=25, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=("C",)), min_size=1, max_size=80))
def test_whatever_people_write_makes_no_tag(text: str) -> None:
    assert tags_with(text) == tags_with("plain")


def tags_with(text: str) -> Counter[str]:
    whole = hostile_report(text)
    blocks = tuple(one for one in whole.sections[0].blocks if not isinstance(one, Chart))
    bare = replace(whole, sections=(Section(0, text, blocks),))
    return Counter(tag for tag, _ in Reader(report_page(bare)).tags)


def test_nothing_runs_and_nothing_is_fetched(page: str) -> None:
    reader = Reader(page)
    tags = {tag for tag, _ in reader.tags}
    assert tags & {"script", "iframe", "object", "embed", "link", "img", "base", "form"} == set()
    for tag, attributes in reader.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert "src" not in attributes
        for name in ("href", "xlink:href"):
            assert attributes.get(name, "#").startswith("#"), (tag, attributes)
    [policy] = [one for one in reader.all("meta") if "http-equiv" in one]
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"
    style = reader.said("style")
    assert "url(" not in style
    assert "@import" not in style
    assert "url(http" not in page


# --- for every reader ----------------------------------------------------------------------------


def test_the_page_has_a_language_a_title_and_one_heading_of_its_own(page: str) -> None:
    reader = Reader(page)
    assert page.startswith("<!doctype html>")
    assert reader.all("html") == [{"lang": "en"}]
    assert reader.said("title")
    assert len(reader.all("h1")) == 1
    assert len(reader.all("main")) == 1


def test_headings_go_down_one_level_at_a_time(page: str) -> None:
    levels = [int(tag[1]) for tag, _ in Reader(page).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_table_names_its_columns_and_rows(page: str) -> None:
    reader = Reader(page)
    headers = reader.all("th")
    assert headers
    assert {one.get("scope") for one in headers} == {"col", "row"}
    regions = [one for one in reader.all("div") if one.get("role") == "region"]
    assert len(regions) == len(reader.all("table"))
    assert all(one.get("aria-label") and one.get("tabindex") == "0" for one in regions)


def test_every_figure_has_words_for_those_who_do_not_see_it(page: str) -> None:
    reader = Reader(page)
    figures = [one for one in reader.all("svg") if one.get("role") == "img"]
    assert len(figures) == 3
    ids = {one["id"] for _, one in reader.tags if "id" in one}
    for one in figures:
        assert set(one["aria-labelledby"].split()) <= ids
    assert len(reader.all("figure")) == len(reader.all("figcaption")) == 3
    assert len(reader.said("desc")) > 30
    assert len(reader.all("table")) > 3


def test_every_name_is_given_once_and_every_link_leads_somewhere(page: str) -> None:
    reader = Reader(page)
    ids = Counter(one["id"] for _, one in reader.tags if "id" in one)
    assert [name for name, times in ids.items() if times > 1] == []
    assert {one["href"][1:] for one in reader.all("a")} <= set(ids)
    used = re.findall(r"url\(#([^)]+)\)", page) + re.findall(r'<use[^>]* href="#([^"]+)"', page)
    assert set(used) <= set(ids)
    assert used


def test_colours_are_told_apart_by_their_lightness() -> None:
    text = (ROOT / CSS).read_text()
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", text))
    pairs = [
        ("ink", "paper"),
        ("ink", "tint"),
        ("quiet", "paper"),
        ("quiet", "tint"),
        ("accent", "paper"),
        ("accent", "tint"),
        ("warn-ink", "warn-paper"),
        ("warn-ink", "paper"),
        ("ink", "code-paper"),
    ]
    for front, back in pairs:
        assert contrast(colours[front], colours[back]) >= 4.5, (front, back)
    for colour in (*COLOURS, LIMIT):
        assert contrast(colour, colours["paper"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """As WCAG 2.2 defines it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return sum(share * one for share, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


# --- figures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("drawing", Drawing)
def test_the_same_chart_gives_the_same_bytes(drawing: Drawing) -> None:
    first, second = drawn(chart(drawing)), drawn(chart(drawing))
    assert first == second
    assert "matplotlib.org" not in first


MINUTES = (0, 0.02, 7, 300, 1440, 4 * 1440, 45 * 1440, 1200 * 1440)


@pytest.mark.parametrize("minutes", MINUTES)
def test_a_budget_of_any_span_is_drawn_without_a_warning(minutes: float) -> None:
    span = timedelta(minutes=minutes)
    moments = (START, START + span / 2, START + span)
    series = (Series(name="one", across=moments, up=(Decimal(0), Decimal(3), Decimal(3))),)
    assert drawn(chart(series=series)).count("<path") > 3


def test_many_bars_have_few_labels() -> None:
    names = tuple(str(one) for one in range(1, 61))
    series = (Series(name="one", across=names, up=(Decimal(1),) * 60),)
    assert drawn(chart(Drawing.BARS, series=series)).count("xtick_") <= 45


def test_a_figure_keeps_dollars_as_they_are() -> None:
    assert "$x$" in drawn(chart(up="$x$"))
