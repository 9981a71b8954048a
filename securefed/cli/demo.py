"""`securefed demo`: a whole federation on this machine, from its founding to a trained model.

Sites, custodians, privacy, sealing, ledgers and evidence are real. People are not: the demo makes
their keys and decides for them, and it says so.
"""

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.demo_view import closing, document, outcome_text
from securefed.cli.output import AsJson, answer, say, working
from securefed.domain.round_parts import DONE
from securefed.domain.rules.speak import shown

if TYPE_CHECKING:
    from securefed.cli.demo_view import Outcome
    from securefed.wiring.demo import Demo

_STOPPING = (signal.SIGINT, signal.SIGTERM)


Workload = Annotated[
    str | None,
    typer.Option("--study", help="Which workload.", show_default="breast-cancer"),
]
Published = Annotated[
    Path | None,
    typer.Option("--data", help="The folder with the workload's published files."),
]
Pretrained = Annotated[
    Path | None,
    typer.Option("--assets", help="The folder with the workload's pretrained models."),
]
Everything = Annotated[
    Path | None,
    typer.Option(
        "--folder", help="An empty folder for everything.", show_default="a temporary one"
    ),
]
Rounds = Annotated[
    int | None,
    typer.Option("--rounds", min=1, max=20, help="How many.", show_default="the study's"),
]
Report = Annotated[
    Path | None,
    typer.Option("--report", help="Where evidence and report go.", show_default="in the folder"),
]
Keep = Annotated[
    bool, typer.Option("--keep", help="Leave sites and custodians running, to explore them.")
]


def demo(
    study: Workload = None,
    data: Published = None,
    assets: Pretrained = None,
    folder: Everything = None,
    rounds: Rounds = None,
    report: Report = None,
    keep: Keep = False,
    as_json: AsJson = False,
) -> None:
    """Run a study over real sites and two custodians on this machine, then stop them.

    Without --study, three hospitals have breast-cancer data that scikit-learn ships. The data of
    the other workloads, which docs/workloads.md lists, you bring. The demo acts as the sites'
    owner, their reviewer, the data scientist and the coordinator, with keys that it makes. The
    folder stays, with the ledgers and the report. Example: securefed demo
    """
    from securefed.wiring import demo as wiring_demo
    from securefed.wiring import workloads

    chosen = wiring_demo.Chosen(
        workload=workloads.workload_named(study), data=data, assets=assets, rounds=rounds
    )
    root = (folder or Path(tempfile.mkdtemp(prefix="securefed-demo-"))).resolve()
    with _ended_in_order(), wiring_demo.demonstrated(root, chosen, keep=keep) as demo:
        outcome = _demonstrate(demo, (report or root / "report").resolve())
        if not keep:
            say("Stopping everything that was started …")
    answer(
        as_json,
        "demo",
        document(outcome, demo),
        outcome_text(outcome, demo),
        closing(outcome, demo, keep=keep),
    )


def _demonstrate(demo: "Demo", report: Path) -> "Outcome":
    began = time.monotonic()
    say(f"Everything is in {demo.root}. The demo acts as owner, reviewer and data scientist.")
    with working(f"Making {len(demo.sites)} sites, two custodians and everybody's keys"):
        demo.found()
    with working("Starting them, each a process of its own"):
        demo.start()
    with working("dana files the study at each site"):
        demo.file()
    with working("ravi approves each site's plan"):
        decided = demo.approve()
    for site, one in decided.items():
        loss = one.plan.loss
        say(
            f"{site}: the policy says {one.plan.verdict}; ravi approved plan "
            f"{one.plan.digest[7:15]}…, which costs at most ε = {shown(loss.epsilon)} "
            f"at δ = {loss.delta}"
        )
    with ExitStack() as stack:
        return _trained(demo, began, report, stack)


def _trained(demo: "Demo", began: float, report: Path, stack: ExitStack) -> "Outcome":
    with working("Loading torch"):
        from securefed.cli.demo_view import Outcome
        from securefed.cli.run_view import watching
        from securefed.wiring import demo_figures as wiring_demo_figures
        from securefed.wiring import run as wiring_run
        from securefed.wiring import study as wiring_study

    figures = wiring_demo_figures.Figures(demo, stack)
    study, metric = demo.opened.study, demo.workload.compared.metric.replace("_", " ")
    with watching(demo.sites, study.rounds) as view:

        def noted(line: wiring_study.LogLine) -> None:
            view.noted(line)
            if line.part == DONE:
                figure = figures.figure(line.round)
                view.say(f"round {line.round}: {metric} {figure:.3f} on the held-out records")

        demo.run(wiring_run.Watch(noted=noted, standing=view.standing))
    with working("Comparing with training without noise, and at each site alone"):
        compared = figures.compared()
    with working("Writing evidence and report"):
        evidence, html = wiring_demo_figures.write_report(demo, report)
    return Outcome(
        study=study,
        root=demo.root,
        seconds=time.monotonic() - began,
        spent=wiring_demo_figures.spent(demo),
        compared=compared,
        update_bytes=wiring_demo_figures.update_bytes(demo),
        evidence=evidence,
        html=html,
    )


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """A first signal, SIGTERM as well as Ctrl-C, ends the demo in order. Another one does not keep
    it from stopping what it started, which takes some seconds at most."""
    before = {one: signal.getsignal(one) for one in _STOPPING}

    def stopping(_number: int, _frame: FrameType | None) -> None:
        for one in _STOPPING:
            signal.signal(one, signal.SIG_IGN)
        say("Stopping everything that was started …")
        raise KeyboardInterrupt

    for one in _STOPPING:
        signal.signal(one, stopping)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
