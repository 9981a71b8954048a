"""What the demonstration prints at its end: a JSON document, or tables and where everything is."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from securefed.cli.output import table
from securefed.domain.canonical import Plain, decimal_text
from securefed.domain.rules.speak import shown
from securefed.domain.study import Study

if TYPE_CHECKING:
    from securefed.wiring.demo import Demo
    from securefed.wiring.demo_figures import Compared, Spent


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of it."""

    study: Study
    root: Path
    seconds: float
    spent: "list[Spent]"
    compared: "Compared"
    update_bytes: int
    evidence: Path
    html: Path | None

    @property
    def local_only(self) -> float:
        """The mean over the sites."""
        alone = self.compared.local_only.values()
        return sum(alone) / len(alone)

    @property
    def bytes_per_parameter(self) -> float:
        """Those of a sealed update."""
        return self.update_bytes / self.study.model.parameters


def document(outcome: Outcome, demo: "Demo") -> dict[str, Plain]:
    """The outcome as JSON."""
    compared, alive = outcome.compared, demo.programs.alive
    return {
        "study": outcome.study.study,
        "rounds": outcome.study.rounds,
        "seconds": f"{outcome.seconds:.1f}",
        "folder": str(outcome.root),
        "sites": [
            {
                "name": one.site,
                "records": one.records,
                "steps": one.steps,
                "epsilon": decimal_text(one.epsilon),
                "delta": decimal_text(one.delta),
                "local_only": _figure(compared.local_only[one.site]),
            }
            for one in outcome.spent
        ],
        "metrics": {
            "federated": _figure(compared.federated),
            "no_dp": _figure(compared.no_dp),
            "local_only": _figure(outcome.local_only),
            "line": _figure(compared.line),
            "metric": compared.metric,
            "test_records": compared.records,
        },
        "held_out": {
            name: None if math.isnan(one) else _figure(one)
            for name, one in sorted(compared.all.items())
        },
        "bytes_per_parameter": f"{outcome.bytes_per_parameter:.1f}",
        "report": {
            "html": None if outcome.html is None else str(outcome.html),
            "evidence": str(outcome.evidence),
        },
        "running": [{"name": one.name, "process": one.process.pid} for one in alive],
    }


def outcome_text(outcome: Outcome, demo: "Demo") -> str:
    """The outcome for a person."""
    compared, study = outcome.compared, outcome.study
    sites = [
        (
            one.site,
            str(one.records),
            str(one.steps),
            shown(one.epsilon),
            str(one.delta),
            _figure(compared.local_only[one.site]),
        )
        for one in outcome.spent
    ]
    figures = [
        ("this study: federated, private, sealed", _figure(compared.federated)),
        ("the same without noise and clipping", _figure(compared.no_dp)),
        ("the same at one site alone, the mean", _figure(outcome.local_only)),
        (demo.workload.compared.line_is, _figure(compared.line)),
    ]
    metric = compared.metric.replace("_", " ")
    headings = ("site", "records", "steps", "ε spent", "δ", f"{metric} alone")
    report = "none: install securefed[report]" if outcome.html is None else str(outcome.html)
    return "\n".join(
        [
            f"{study.title}: {study.rounds} rounds, {outcome.seconds:.0f} seconds",
            "",
            table(headings, sites, ""),
            "",
            table(
                (f"{metric} on {compared.records} held-out {demo.workload.unit}", ""), figures, ""
            ),
            "",
            f"A sealed update has {outcome.update_bytes:,} bytes for {study.model.parameters} "
            "parameters: a ciphertext is always whole.",
            "",
            f"report    {report}",
            f"evidence  {outcome.evidence}",
            *(f"ledger    {outcome.root / one.site / 'ledger.db'}" for one in outcome.spent),
        ]
    )


def closing(outcome: Outcome, demo: "Demo", *, keep: bool) -> str:
    """The commands that come next."""
    root, site = demo.root, demo.sites[0]
    verify = f"securefed audit verify {outcome.evidence}"
    if not keep:
        return verify
    pids = " ".join(str(one.process.pid) for one in demo.programs.alive)
    return "\n  ".join(
        [
            "everything still runs. Explore it:",
            f"securefed site status --site {root / site}",
            f"securefed ledger log --site {root / site}",
            f"securefed budget show --site {root / site}",
            f"securefed custodian log --folder {root / 'registry'}",
            f"securefed study log --folder {root / 'run'}",
            verify,
            f"kill {pids}    # stops everything",
        ]
    )


def _figure(value: float) -> str:
    return f"{value:.4f}"
