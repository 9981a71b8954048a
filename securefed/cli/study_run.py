"""`securefed study run`: all rounds of a study at its sites, from wherever it stopped before."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.numbers import exact
from securefed.cli.output import AsJson, answer, table, working
from securefed.cli.study_options import (
    As,
    Assets,
    Federation,
    File,
    Folder,
    Key,
    at_sites,
    called,
    named,
)
from securefed.domain.canonical import Plain, decimal_text
from securefed.domain.identifiers import AccountId
from securefed.domain.numbers import probability
from securefed.domain.study import Study
from securefed.errors import NumberInvalid, RunCancelled

if TYPE_CHECKING:
    from securefed.wiring.remote import Ways
    from securefed.wiring.run import Wanted
    from securefed.wiring.study import Finished, OpenStudy

_STOPPING = (signal.SIGINT, signal.SIGTERM)
_PLACES = Decimal("0.0001")

Delta = Annotated[
    str | None,
    typer.Option("--delta", help="State ε at this δ in the model's card.", show_default="no ε"),
]

CoordinatorKey = Annotated[
    Path | None,
    typer.Option(
        "--coordinator-key",
        help="The private key of the coordinator whom the study names.",
        show_default="yours",
    ),
]
Deadline = Annotated[
    str,
    typer.Option(
        "--deadline", help="How many minutes a round waits for sites, and for a custodian."
    ),
]


def run(
    file: File,
    federation: Federation,
    requester: As,
    key: Key,
    coordinator_key: CoordinatorKey = None,
    folder: Folder = None,
    deadline: Deadline = "60",
    assets: Assets = None,
    delta: Delta = None,
    as_json: AsJson = False,
) -> None:
    """Run a study's rounds at the sites that approved it. Run again, it goes on where it stopped.

    Ctrl-C stops it, and so does `study stop` in another terminal; what the sites have begun is
    found again and nothing is trained twice. The model lies in the run folder's `model` at the end.

    Example: securefed study run study.toml --federation federation.toml --as dana --key dana.key
    """
    from securefed.wiring import basics
    from securefed.wiring import run as wiring_run
    from securefed.wiring import study as wiring_study

    at = None if delta is None else probability("--delta", exact("--delta", delta))
    opened, began = wiring_study.filed_study(file, folder), time.monotonic()
    opened.expect_filed_by(AccountId(requester))
    wanted = wiring_run.Wanted(
        file=file,
        coordinator=basics.load_signer(coordinator_key or key),
        assets=assets,
        deadline_s=float(_minutes(deadline) * 60),
    )
    again = f"securefed study run {called(file, folder, federation, requester, key)}"
    again += "" if coordinator_key is None else f" --coordinator-key {coordinator_key}"
    again += "" if assets is None else f" --assets {assets}"
    if not opened.over:
        with at_sites(federation, key) as ways:
            _run(opened, ways, wanted, again)
    model, done = _model(opened, wanted, at), opened.finished()
    answer(
        as_json,
        "study-run",
        _document(opened, done, model, time.monotonic() - began),
        _text(opened, done, model),
        f"securefed study export {named(file, folder)} --out MODEL",
    )


def _run(opened: "OpenStudy", ways: "Ways", wanted: "Wanted", again: str) -> None:
    from securefed.cli.run_view import watching
    from securefed.wiring import run as wiring_run

    sites, rounds = [one.site for one in opened.study.participants], opened.study.rounds
    with watching(sites, rounds) as view:
        watch = wiring_run.Watch(noted=view.noted, standing=view.standing)
        with (
            wiring_run.opened_run(opened, ways, wanted, watch) as running,
            _stopped_by_signals(running.stop),
        ):
            try:
                running.run()
            except RunCancelled as error:
                raise RunCancelled(
                    f"The run was stopped; {running.rounds} of {rounds} rounds are done",
                    where=str(opened.folder.root),
                    hint=f"Go on with: {again}",
                ) from error


def _model(opened: "OpenStudy", wanted: "Wanted", delta: Decimal | None) -> Path:
    from securefed.config import load_own_code
    from securefed.wiring import basics
    from securefed.wiring.export import ExportForm

    form = ExportForm(assets=wanted.assets, own_code=load_own_code(wanted.file))
    with working("Writing the model"):
        target, accountant = opened.folder.model, basics.accountant()
        return opened.export(target, delta, accountant, again=True, form=form)


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """The first signal ends the run in order; the next one ends the process as ever."""
    before = {one: signal.getsignal(one) for one in _STOPPING}

    def restore() -> None:
        for one, handler in before.items():
            signal.signal(one, handler)

    def stopping(_number: int, _frame: FrameType | None) -> None:
        restore()
        stop()

    for one in _STOPPING:
        signal.signal(one, stopping)
    try:
        yield
    finally:
        restore()


def _minutes(text: str) -> Decimal:
    minutes = exact("--deadline", text)
    if not 0 < minutes <= 60 * 24 * 30:
        raise NumberInvalid(f"{text} minutes is no time for a round", where="--deadline")
    return minutes


def _text(opened: "OpenStudy", done: "Finished", model: Path) -> str:
    rows = [
        (site, f"{number} of {done.rounds}", f"{done.bytes[site]:,}")
        for site, number in done.delivered.items()
    ]
    names = sorted({name for one in done.metrics for name in one})
    figures = [
        (str(number), *(_figure(one[name]) if name in one else "none" for name in names))
        for number, one in enumerate(done.metrics, 1)
    ]
    lines = [
        f"{opened.study.title}: {_ended(done.rounds, opened.study.rounds)}",
        "",
        table(("site", "rounds", "bytes"), rows, ""),
    ]
    if names:
        lines += ["", _whose(opened.study), table(("round", *names), figures, "")]
    return "\n".join([*lines, "", f"The model is in {model}"])


def _whose(study: Study) -> str:
    if study.sealing.tally:
        return "Metrics of all sites together, from their noised sum"
    return "Means of the sites' noised metrics"


def _ended(done: int, rounds: int) -> str:
    early = "; it ended early, by its metric" if done < rounds else ""
    return f"{done} of {rounds} rounds are done{early}"


def _document(
    opened: "OpenStudy", done: "Finished", model: Path, seconds: float
) -> dict[str, Plain]:
    return {
        "study": opened.study.study,
        "rounds": done.rounds,
        "seconds": f"{seconds:.3f}",
        "sites": [
            {"name": site, "rounds": number, "bytes": done.bytes[site]}
            for site, number in done.delivered.items()
        ],
        "metrics": [
            {"round": number, **{name: decimal_text(value) for name, value in one.items()}}
            for number, one in enumerate(done.metrics, 1)
        ],
        "parts": [
            {"part": part, "seconds": decimal_text(spent)} for part, spent in done.parts.items()
        ],
        "times": [one.document() for one in done.times],
        "model": str(model),
    }


def _figure(value: Decimal) -> str:
    return str(value.quantize(_PLACES))
