"""A workload's study through the whole system, and what came of it: metrics, ε, and seconds.

Real sites, real custodians, approval, ledger, sealing and report, as `securefed demo` starts them.
ε is taken from three places: each site's ledger, the report of one of them, and a fresh accountant
that is given the steps of the rounds that came about by the coordinator's log.
"""

import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from securefed.adapters.odometer import Odometer
from securefed.domain.identifiers import SiteId
from securefed.domain.rules.speak import shown
from securefed.wiring.demo import Chosen, Demo, demonstrated
from securefed.wiring.demo_figures import Figures, spent, write_report
from securefed.wiring.run import Watch


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What came of a run. ε by site: as the ledger has it, and as a fresh accountant finds it."""

    metrics: Mapping[str, float]
    seconds: float
    ledger: Mapping[SiteId, Decimal]
    fresh: Mapping[SiteId, Decimal]
    reported: str
    first: SiteId

    @property
    def epsilon(self) -> Decimal:
        """The largest of the sites."""
        return max(self.ledger.values())

    @property
    def agrees(self) -> bool:
        """Whether ledger, report and fresh accountant say the same."""
        return self.ledger == self.fresh and self.reported == shown(self.fresh[self.first])


def through_the_system(chosen: Chosen, model: Path | None = None) -> Ran:
    """Founds, starts, approves and runs a workload; everything has ended when it returns. `model`
    is a new folder for the exported model, if somebody goes on with it."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="securefed-") as place:
        root = Path(place) / "federation"
        with demonstrated(root, chosen, keep=False) as demo, ExitStack() as stack:
            demo.found()
            demo.start()
            demo.file()
            demo.approve()
            demo.run(Watch(noted=lambda _: None, standing=lambda _site, _standing: None))
            seconds = time.monotonic() - began
            metrics = Figures(demo, stack).metrics(demo.opened.folder.finished)
            if model is not None:
                shutil.copytree(demo.opened.folder.model, model)
            first = demo.sites[0]
            return Ran(
                metrics=metrics,
                seconds=seconds,
                ledger={one.site: one.epsilon for one in spent(demo)},
                fresh={site: _fresh(demo, site) for site in demo.sites},
                reported=_reported(demo),
                first=first,
            )


def _fresh(demo: Demo, site: SiteId) -> Decimal:
    opened = demo.opened
    rounds = opened.finished().delivered[site]
    attempt = opened.study.participant(site).attempt
    ran = tuple(one.repeated(one.times * rounds) for one in attempt)
    return Odometer().loss(ran, demo.workload.delta).epsilon


def _reported(demo: Demo) -> str:
    """What the report says of the first site."""
    write_report(demo, demo.root / "report")
    several = len(demo.sites) > 1
    name = f"deployment-{demo.sites[0]}-*.yaml" if several else "deployment.yaml"
    [record] = (demo.root / "report").glob(name)
    text = record.read_text(encoding="utf-8")
    found = re.search(r"(?m)^ +epsilon: (\S+)$", text)
    return "" if found is None else found[1]
