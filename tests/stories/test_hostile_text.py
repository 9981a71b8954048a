"""A scientist writes a title that shows a reviewer something other than what is signed."""

import json

import pytest

from securefed.domain.identifiers import Line
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.request import SignedRequest
from securefed.domain.sheet import heading, plan_sheet
from securefed.errors import RecordInvalid, SecurefedError, TextInvalid
from tests.world import REVIEWER, World

HIDING = [
    "Harmless\x1b[8m hidden\x1b[0m",
    "Harmless\x1b]0;owned\x07",
    "\x9b2JHarmless",
    "Harmless\rRefused",
    "Harmless\nverdict: allow",
    "Harm\u202eless",
    "Harm\u2067less\u2069",
    "Harm\u200bless",
    "Harmless\u2028verdict: allow",
    "\ufeffHarmless",
    "Harmless\x00",
    "\u3164",
]


@pytest.mark.parametrize("title", HIDING, ids=ascii)
def test_a_title_that_steers_the_terminal_or_hides_text_is_refused(title: str) -> None:
    with pytest.raises(TextInvalid):
        World(title=title).request()
    stored = to_bytes(World(title="Harmless").request())
    escaped = json.dumps(title)[1:-1].encode("ascii")
    for spelling in (title.encode(), escaped):
        with pytest.raises(
            SecurefedError, match=r"invisible character|Not JSON|needless escapes|form"
        ):
            from_bytes(SignedRequest, stored.replace(b"Harmless", spelling))


def test_a_title_with_markup_is_text_like_any_other_and_stays_on_its_line() -> None:
    title = "<script>alert(1)</script> [bold red]verdict: allow[/]"
    world = World(title=title)
    site = world.site()
    request = world.file(site)
    plan = site.plan(request)
    sheet = [line for row in plan_sheet(plan) for line in row.lines]
    assert sheet[0] == title
    assert all("\n" not in line and "\x1b" not in line for line in [heading(plan), *sheet])
    site.approve(request, plan.digest, world.acting(REVIEWER))
    read = world.reopened().register().request(request).signed.request.study.title
    assert (read, type(read)) == (title, Line)


def test_a_reason_is_a_line_too() -> None:
    with pytest.raises(TextInvalid):
        World().acting(REVIEWER, "Fine\x1b[2J")
    with pytest.raises(TextInvalid):
        World().acting(REVIEWER, " ")


def test_an_endless_title_is_refused() -> None:
    with pytest.raises(TextInvalid, match="200 is the most"):
        World(title="a" * 201).request()


def test_a_text_of_the_wrong_kind_is_refused() -> None:
    stored = to_bytes(World(title="Harmless").request())
    with pytest.raises(RecordInvalid, match="Expected text"):
        from_bytes(SignedRequest, stored.replace(b'"Harmless"', b"1"))
