"""What came of a demonstration: accuracy on held-out records, what each site spent, the evidence.

The comparisons train on the hospitals' data outside of any site, which only published data allow.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from securefed.adapters.breast_cancer import TARGET
from securefed.adapters.opacus_training.comparing import (
    majority,
    measured,
    trained_alone,
    trained_without_noise,
    weights_of,
)
from securefed.adapters.opacus_training.weights import Weights
from securefed.aggregation.combining import read_state
from securefed.config import load_card
from securefed.domain.identifiers import Name, SiteId
from securefed.errors import NotFound, NotInThisState, StorageFailed
from securefed.recipes.files.opening import open_source
from securefed.recipes.files.source import RecordSource
from securefed.recipes.registry import recipe_for
from securefed.wiring import basics, opened_site
from securefed.wiring.demo import COORDINATOR, CUSTODIANS, DATASET, DELTA, Demo
from securefed.wiring.evidence import checked, gathered, part_of_custodian, part_of_site
from securefed.wiring.report import asked, expect_libraries, save, written
from securefed.wiring.study import OpenStudy

_TEST = "test"


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
    """Accuracies on the held-out records; `majority` is that of always giving the same answer."""

    federated: float
    no_dp: float
    local_only: dict[SiteId, float]
    majority: float
    records: int


class Figures:
    """The held-out records and the hospitals' data, open."""

    def __init__(self, demo: Demo, stack: ExitStack) -> None:
        self._demo, self._study = demo, demo.opened.study
        self._recipe = recipe_for(self._study.recipe, None, None)
        self._test = stack.enter_context(self._source(_TEST))
        self._sources = [
            stack.enter_context(self._source(one.site)) for one in self._study.participants
        ]

    def accuracy(self, number: int) -> float:
        """That of the model after a round."""
        part, weights = self._study.participants[0], _model(self._demo.opened, number)
        return measured(self._recipe, part, self._test, weights)

    def compared(self) -> Compared:
        """The study's model beside others."""
        recipe, study, test = self._recipe, self._study, self._test
        parts = study.participants
        plain = trained_without_noise(recipe, study, self._sources)
        alone = {
            part.site: measured(
                recipe, part, test, trained_alone(recipe, part, source, study.rounds)
            )
            for part, source in zip(parts, self._sources, strict=True)
        }
        return Compared(
            federated=self.accuracy(study.rounds),
            no_dp=measured(recipe, parts[0], test, plain),
            local_only=alone,
            majority=majority(test, TARGET),
            records=test.records,
        )

    def _source(self, name: str) -> RecordSource:
        card = load_card(self._demo.data(name))
        return open_source(card.data, card.columns, card.unit)


def spent(demo: Demo) -> list[Spent]:
    """What each site's ledger says."""
    return [_spent(demo, site) for site in demo.sites]


def _spent(demo: Demo, site: SiteId) -> Spent:
    register = opened_site.open_site(demo.root / site).party.register()
    hold = register.book(DATASET).holds[demo.opened.request(site)]
    return Spent(
        site=site,
        records=register.card(DATASET).records,
        steps=sum(one.steps_charged for one in hold.rounds.values()),
        epsilon=basics.accountant().loss(hold.executed, DELTA).epsilon,
        delta=DELTA,
    )


def write_report(demo: Demo, folder: Path) -> tuple[Path, Path | None]:
    """The evidence of all parties in one file, and a page on the first hospital, which needs the
    libraries of the extra `report`."""
    study = demo.opened.study.study
    own = [part_of_site(demo.root / site, study) for site in demo.sites]
    own += [part_of_custodian(demo.root / name, study) for name in CUSTODIANS]
    by = (Name(COORDINATOR), demo.key(COORDINATOR))
    data = checked(gathered(own, (), study, {}, by))
    site = demo.sites[0]
    try:
        expect_libraries()
    except NotFound:
        return _written(folder, data), None
    made = written(data, site, asked(study, None, None, None), {}, ())
    save(folder, made, data)
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
