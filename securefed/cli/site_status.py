"""`securefed site status`: is the site served, what is open, what runs, and what budget is left.

Reads the ledger and the lock of the folder; asks the serving process nothing, and never prompts.
"""

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from securefed.cli.options import HERE, SiteDir, open_site
from securefed.cli.output import AsJson, answer, table
from securefed.domain.budget import Book, percent
from securefed.domain.canonical import Plain
from securefed.domain.records import to_plain
from securefed.domain.register import Register
from securefed.domain.request import RequestState
from securefed.domain.round import Round
from securefed.domain.sheet import moment

if TYPE_CHECKING:
    from securefed.wiring.site import ServingNote


def status(site: SiteDir = HERE, as_json: AsJson = False) -> None:
    """Show whether the site is served and where, its requests, its running rounds, its budgets.

    Example: securefed site status --site hospital-a
    """
    from securefed.wiring import site as wiring_site

    opened = open_site(site)
    served, note = wiring_site.is_served(opened.folder), wiring_site.serving_note(opened.folder)
    register, now = opened.party.register(), opened.party.ledger.now()
    states = Counter(one.state for one in register.requests.values())
    running = _running(register)
    answer(
        as_json,
        "site-status",
        {
            "site": opened.settings.site,
            "served": served,
            "serving": None if note is None else {**_noted(note), "address": note.address},
            "paused": register.paused,
            "requests": {state.value: states[state] for state in RequestState},
            "running": [_round_document(one) for one in running],
            "budgets": [_budget(one, now) for one in register.books.values()],
        },
        "\n\n".join(
            [
                "\n".join(_head(opened.settings.site, served, note, register, states)),
                table(_ROUND, [_round_row(one) for one in running], "No round is running."),
                table(_BUDGET, [_book_row(one) for one in register.books.values()], _NO_DATA),
            ]
        ),
        "securefed request list" if states[RequestState.PENDING] else "",
    )


_ROUND = ("running round", "state", "steps charged")
_BUDGET = ("dataset", "allowance", "left")
_NO_DATA = "No dataset is registered."


def _noted(note: "ServingNote") -> dict[str, Plain]:
    return {
        "host": note.host,
        "port": note.port,
        "tls": note.tls,
        "pid": note.pid,
        "since": to_plain(note.since),
    }


def _head(
    site: str,
    served: bool,
    note: "ServingNote | None",
    register: Register,
    states: Counter[RequestState],
) -> list[str]:
    if note is not None:
        where = f"is served at {note.address} since {moment(note.since)}, process {note.pid}"
    else:
        where = "is starting, or about to end" if served else "is not served"
    paused = ["It is paused: no round begins."] if register.paused else []
    counted = ", ".join(f"{states[one]} {one}" for one in RequestState if states[one])
    return [f"{site} {where}.", *paused, f"Requests: {counted or 'none'}."]


def _running(register: Register) -> list[Round]:
    holds = (hold for book in register.books.values() for hold in book.holds.values())
    return [one for hold in holds for one in hold.rounds.values() if one.open]


def _round_row(one: Round) -> tuple[str, str, str]:
    return (str(one.id), one.state, f"{one.steps_charged} of {one.steps_asked}")


def _round_document(one: Round) -> Plain:
    return {
        "request": one.id.request,
        "round": one.id.round,
        "attempt": one.id.attempt,
        "state": one.state,
        "steps_charged": one.steps_charged,
        "steps_asked": one.steps_asked,
    }


def _book_row(book: Book) -> tuple[str, str, str]:
    granted = book.allowance
    if granted is None:
        return (book.dataset, "none", "")
    left = percent(granted.cap - book.counted, granted.cap)
    return (book.dataset, f"ε {granted.epsilon} at δ {granted.delta}", left)


def _budget(book: Book, now: datetime) -> Plain:
    granted = book.allowance
    if granted is None:
        return {"dataset": book.dataset, "allowance": None}
    return {
        "dataset": book.dataset,
        "allowance": to_plain(granted),
        "expired": granted.expires_at is not None and now >= granted.expires_at,
        "cap": to_plain(granted.cap),
        "left": to_plain(granted.cap - book.counted),
    }
