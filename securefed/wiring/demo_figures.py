"""What came of a demonstration: figures on held-out records, what each site spent, the evidence.

The comparisons train on the sites' data outside of any site, which only published data allow.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from securefed.adapters.opacus_training.comparing import (
    Ended,
    trained_alone,
    trained_together,
    weights_of,
)
from securefed.adapters.opacus_training.weights import Weights, weights_in
from securefed.adapters.published_data.part import TEST
from securefed.aggregation.combining import read_state
from securefed.config import load_card
from securefed.domain.identifiers import Name, SiteId
from securefed.domain.study import Study
from securefed.errors import NotFound, NotInThisState, StorageFailed
from securefed.recipes.files.opening import open_source
from securefed.recipes.files.source import RecordSource
from securefed.recipes.registry import recipe_for
from securefed.wiring import basics, opened_site
from securefed.wiring.demo import COORDINATOR, Demo
from securefed.wiring.evidence import checked, gathered, part_of_custodian, part_of_site
from securefed.wiring.report import asked, expect_libraries, save, written
from securefed.wiring.study import OpenStudy
from securefed.wiring.workloads.workload import HeldOut, Model, Places


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a site has, and what the study's rounds cost it."""

    site: SiteId
    records: int
    steps: int
    epsilon: Decimal
    delta: Decimal


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Figures of the held-out records. Of the metric that counts: the study's model, the same
    without noise, each site alone, and the line of no model at all. `all` has every metric of the
    study's model."""

    metric: str
    federated: float
    no_dp: float
    local_only: dict[SiteId, float]
    line: float
    records: int
    all: Mapping[str, float]


@contextmanager
def opened_parts(study: Study, places: Places) -> Iterator[HeldOut]:
    """A workload's held-out records and its sites' data, from where they were written."""

    def source(name: str) -> RecordSource:
        card = load_card(places.data / f"{name}.toml")
        return stack.enter_context(open_source(card.data, card.columns, card.unit))

    with ExitStack() as stack:
        yield HeldOut(
            recipe=recipe_for(study.recipe, places.assets, None),
            part=study.participants[0],
            test=source(TEST),
            sources={one.site: source(one.site) for one in study.participants},
            folder=places.data,
        )


class Figures:
    """The held-out records and the sites' data, open."""

    def __init__(self, demo: Demo, stack: ExitStack) -> None:
        self._demo, self._study = demo, demo.opened.study
        self._held = stack.enter_context(opened_parts(self._study, demo.places))

    def metrics(self, number: int) -> Mapping[str, float]:
        """Those of the model after a round."""
        kept = {site: _kept(self._demo, site) for site in self._demo.sites}
        weights = _model(self._demo.opened, number)
        return self._demo.workload.measure(self._held, Model(weights=weights, kept=kept))

    def figure(self, number: int) -> float:
        """The one that counts."""
        return self.metrics(number)[self._demo.workload.compared.metric]

    def without_noise(self) -> Mapping[str, float]:
        """The metrics of the same study without noise and clipping."""
        held = self._held
        return self._measured(trained_together(held.recipe, self._study, held.sources, noise=False))

    def compared(self) -> Compared:
        """The study's model beside others."""
        held, study, wanted = self._held, self._study, self._demo.workload.compared
        alone = {
            part.site: self._measured(
                trained_alone(held.recipe, part, held.sources[part.site], study.rounds)
            )[wanted.metric]
            for part in study.participants
        }
        everything = self.metrics(self._demo.opened.folder.finished)
        return Compared(
            metric=wanted.metric,
            federated=everything[wanted.metric],
            no_dp=self.without_noise()[wanted.metric],
            local_only=alone,
            line=wanted.line(held),
            records=held.test.records,
            all=everything,
        )

    def _measured(self, ended: Ended) -> Mapping[str, float]:
        model = Model(weights=ended.weights, kept=ended.kept)
        return self._demo.workload.measure(self._held, model)


def spent(demo: Demo) -> list[Spent]:
    """What each site's ledger says."""
    return [_spent(demo, site) for site in demo.sites]


def _spent(demo: Demo, site: SiteId) -> Spent:
    register = opened_site.open_site(demo.root / site).party.register()
    dataset = demo.opened.study.participant(site).dataset
    hold = register.book(dataset).holds[demo.opened.request(site)]
    delta = demo.workload.delta
    return Spent(
        site=site,
        records=register.card(dataset).records,
        steps=sum(one.steps_charged for one in hold.rounds.values()),
        epsilon=basics.accountant().loss(hold.executed, delta).epsilon,
        delta=delta,
    )


def write_report(demo: Demo, folder: Path) -> tuple[Path, Path | None]:
    """The evidence of all parties in one file, and a page on all sites, which needs the libraries
    of the extra `report`."""
    study = demo.opened.study.study
    own = [part_of_site(demo.root / site, study) for site in demo.sites]
    own += [part_of_custodian(demo.root / name, study) for name in demo.custodians]
    by = (Name(COORDINATOR), demo.key(COORDINATOR))
    data = checked(gathered(own, (), study, {}, by))
    try:
        expect_libraries()
    except NotFound:
        return _written(folder, data), None
    made = written(data, None, asked(study, None, None, None), {}, ())
    save(folder, made, data, as_pdf=False)
    return folder / "evidence.json", folder / "report.html"


def _written(folder: Path, data: bytes) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "evidence.json").write_bytes(data)
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(folder)) from error
    return folder / "evidence.json"


def update_bytes(demo: Demo) -> int:
    """The bytes of one sealed update, as they were fetched."""
    return max(one.bytes for one in demo.opened.log.lines() if one.part == "fetch-update")


def _model(opened: OpenStudy, number: int) -> Weights:
    began, path = opened.folder.began, opened.folder.models / f"state.{number}"
    if began is None:
        raise NotInThisState("No round has begun", where=str(opened.folder.root))
    try:
        with path.open("rb") as file:
            parameters = began.study.model.parameters
            server = began.study.combining.server
            state = read_state(file, server, began.layout.digest, parameters)
    except OSError as error:
        raise StorageFailed(f"Cannot read: {error.strerror}", where=str(path)) from error
    return weights_of(began.layout, state.weights)


def _kept(demo: Demo, site: SiteId) -> Weights:
    """What stayed at a site of the newest round, if anything does."""
    path = opened_site.open_site(demo.root / site).folder.kept_of(demo.opened.request(site))
    return weights_in(path) if path.exists() else {}
