"""Every workload's study through the whole system, its figures beside those of the references.

Real sites, custodians, approval, ledger, sealing and report on this machine. Noise and sampling
have no seed, so a study runs several times and its figure is the mean. "No privacy" cannot pass
sites that demand noise: it is the same engine over the same sites' data with no noise and clipping,
outside of them. Parameters stand in the study files and were chosen inside the training parts.

    python -m benchmarks.workloads --only heart --runs 5
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import fmean, pstdev
from tempfile import TemporaryDirectory

from benchmarks.harness import Bench, Goal, leave_out, run
from benchmarks.worlds.demonstrated import Ran, through_the_system
from benchmarks.worlds.published_cases import PUBLISHED_CASES
from benchmarks.worlds.sealed_beside_plain import sealing_moves
from benchmarks.worlds.workload_cases import CASES, Case, Tried, published
from securefed.adapters.opacus_training.comparing import trained_together
from securefed.config import load_study
from securefed.domain.study import Study
from securefed.errors import SecurefedError
from securefed.wiring.basics import shipped_file
from securefed.wiring.demo import Chosen
from securefed.wiring.demo_data import bring_pretrained
from securefed.wiring.demo_figures import opened_parts
from securefed.wiring.workloads.workload import HeldOut, Model, Places, Workload


def measure(bench: Bench, *, only: Sequence[str], runs: int | None) -> None:
    """Measures every case whose data is here."""
    asked = [case for case in (*CASES, *PUBLISHED_CASES) if not only or case.name in only]
    here = [case for case in asked if _is_here(case)]
    if not here:
        leave_out("No workload's data is here: set SECUREFED_DATA to the folder that holds it")
    for case in here:
        rows = _Rows(bench, case, runs or case.runs)
        rows.line()
        if case.bare is not None:
            rows.without_privacy(case.bare)
        for tried in case.tried:
            rows.through_the_system(tried)
        rows.sealing()


def _is_here(case: Case) -> bool:
    try:
        case.workload.source(published())
    except SecurefedError as error:
        print(f"left out: {case.name}: {error}", file=sys.stderr)
        return False
    return True


class _Rows:
    """The rows of a case."""

    def __init__(self, bench: Bench, case: Case, runs: int) -> None:
        self._bench, self._case, self._runs = bench, case, runs

    def line(self) -> None:
        """What no model reaches."""
        compared = self._case.workload.compared
        with _opened(self._case.workload_of(0, self._case.tried[0])) as (held, _):
            ours = compared.line(held)
        name = compared.metric.replace("_", " ")
        self._row(compared.line_is, name, "", ours)

    def without_privacy(self, tried: Tried) -> None:
        """The same engine without noise and clipping, over the sites' data."""
        found = []
        for number in range(self._runs):
            workload = self._case.workload_of(number, tried)
            with _opened(workload) as (held, study):
                ended = trained_together(held.recipe, study, held.sources, noise=False)
                model = Model(weights=ended.weights, kept=ended.kept)
                found.append(workload.measure(held, model))
        self._metrics(tried, found)

    def through_the_system(self, tried: Tried) -> None:
        """The study over real sites; every run's ε in three places."""
        ran = [self._ran(number, tried) for number in range(self._runs)]
        self._metrics(tried, [one.metrics for one in ran])
        epsilon = max(float(one.epsilon) for one in ran)
        self._row(tried.title, "ε at the site that spent most", "", epsilon)
        agree = fmean(one.agrees for one in ran)
        same = Goal("ours", ">=", 1)
        self._row(tried.title, "ledger, report, accountant agree", "share of runs", agree, same)
        self._row(tried.title, "start to model", "s", fmean(one.seconds for one in ran))

    def _ran(self, number: int, tried: Tried) -> Ran:
        workload = self._case.workload_of(number, tried)
        one = through_the_system(Chosen(workload=workload, data=published()))
        figure = one.metrics[workload.compared.metric]
        said = f"{self._case.name}, {tried.title}, run {number + 1}: {figure:.4f}"
        print(f"{said}, ε = {one.epsilon}, {one.seconds:.0f} s", file=sys.stderr)
        return one

    def sealing(self) -> None:
        """By how much sealing moves any metric, for the updates of a whole study."""
        tried = self._case.tried[0]
        workload = self._case.workload_of(0, tried)
        with _opened(workload) as (held, study):
            moved = sealing_moves(held, study, workload.measure)
        measure = "largest change of a metric by sealing"
        self._row(tried.title, measure, "", moved, Goal("ours", "<=", 1e-3))

    def _metrics(self, tried: Tried, found: Sequence[Mapping[str, float]]) -> None:
        for name in found[0]:
            each = [one[name] for one in found]
            spread = f"mean of {len(each)} runs, standard deviation {pstdev(each):.4f}"
            self._row(
                tried.title, name.replace("_", " "), spread, fmean(each), tried.goals.get(name)
            )

    def _row(
        self, title: str, measure: str, unit: str, ours: float, goal: Goal | None = None
    ) -> None:
        case = f"{self._case.name}, {title}"
        row = self._bench.row(case, measure, unit, ours=ours, goal=goal)
        print(f"{case}: {measure} {ours:.4f} {row.goal or ''}", file=sys.stderr)


@contextmanager
def _opened(workload: Workload) -> Iterator[tuple[HeldOut, Study]]:
    """A workload's data, written and opened."""
    with TemporaryDirectory(prefix="securefed-") as root:
        places = Places(data=Path(root) / "data", assets=Path(root) / "assets")
        places.data.mkdir()
        places.assets.mkdir()
        workload.write(workload.source(published()), places)
        bring_pretrained(workload, None, places)
        study = load_study(shipped_file(workload.study))
        with opened_parts(study, places) as held:
            yield held, study


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--runs", type=int)
    chosen, others = parser.parse_known_args()
    run(
        "Workloads through the whole system",
        partial(measure, only=chosen.only, runs=chosen.runs),
        libraries=("torch", "opacus", "dp-accounting", "tenseal", "syft", "transformers"),
        arguments=others,
    )
