"""What a person sees of a run: a table on a terminal, lines elsewhere."""

import io
from datetime import UTC, datetime
from decimal import Decimal

from rich.console import Console

from securefed.adapters.run_folder import LogLine
from securefed.cli.run_view import RunView, told
from securefed.domain.canonical import digest_of
from securefed.domain.errand import Phase, Standing
from securefed.domain.identifiers import Name, RequestId, SiteId
from securefed.domain.round import RoundId

A, B = SiteId("hospital-a"), SiteId("hospital-b")


def line(part: str, site: SiteId | None = None, **changes: object) -> LogLine:
    fields = {
        "at": datetime(2026, 11, 21, 9, tzinfo=UTC),
        "round": 2,
        "site": site,
        "part": Name(part),
        "seconds": Decimal("1.5"),
        "bytes": 0,
        "words": "",
    }
    return LogLine(**{**fields, **changes})


def standing(phase: Phase, step: int) -> Standing:
    return Standing(
        id=RoundId(request=RequestId("cr-0123456789ab"), round=2, attempt=1),
        ticket=digest_of("test", b""),
        phase=phase,
        step=step,
        steps=16,
        cause=None,
        released=(),
    )


def shown(view: RunView) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(view)
    return console.file.getvalue()  # type: ignore[attr-defined] # the text above


def test_lines_say_who_did_what_in_which_round() -> None:
    assert told(line("fetch-update", A, bytes=4000)) == (
        "round 2 hospital-a: fetch-update in 1.5 s, 4,000 bytes"
    )
    assert told(line("open")) == "round 2: open in 1.5 s"
    assert told(line("site-failed", B, words="It failed")).endswith("1.5 s: It failed")
    assert told(line("counted", A)) == told(line("train", A)) == told(line("add", A)) == ""
    assert told(line("add", A, words="3 values were cut")).endswith("1.5 s: 3 values were cut")


def test_the_table_follows_each_site() -> None:
    view = RunView(Console(file=io.StringIO(), force_terminal=True), [A, B], 5)
    assert shown(view).count("waiting") == 2
    view.standing(A, standing(Phase.TRAINING, 7))
    view.noted(line("site-failed", B, words="It failed"))
    view.noted(line("done"))
    text = shown(view)
    assert "7/16" in text
    assert "2 of 5" in text
    assert "site-failed" in text
    assert "round 2 of 5 is done" in text


def test_off_a_terminal_every_line_is_printed_once() -> None:
    console = Console(file=io.StringIO(), width=20)
    view = RunView(console, [A], 5)
    view.noted(line("done"))
    view.noted(line("counted", A))
    view.noted(line("site-failed", A, words="[bold]It failed[/bold]"))
    assert console.file.getvalue() == (  # type: ignore[attr-defined] # the text above
        "round 2: done in 1.5 s\nround 2 hospital-a: site-failed in 1.5 s: [bold]It failed[/bold]\n"
    )
