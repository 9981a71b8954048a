"""The composition root of a study's run: its sites, its rounds' collecting, its log, its end.

One process runs a folder at a time. Sites that cannot take part when it starts are left out and
named; once too few are left the run refuses with the reason, where they all have the same one.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from securefed.adapters.run_folder import Began, LogLine, RunFolder
from securefed.adapters.update_files import folder_files
from securefed.aggregation.combining import ServerState, first_state
from securefed.aggregation.grid import Floats
from securefed.config import load_own_code
from securefed.domain.errand import Standing
from securefed.domain.identifiers import Name, PublicKey, SiteId
from securefed.domain.request import RequestState
from securefed.domain.run_order import NoisyMetrics
from securefed.domain.study import Study, Suite
from securefed.domain.update import Roster
from securefed.errors import (
    ApprovalExpired,
    ApprovalWithdrawn,
    ConfigInvalid,
    NotFound,
    QuorumLost,
    SecurefedError,
)
from securefed.parties.study_run import StudyRun
from securefed.parties.study_tools import Gathered, Noted, RunPlan, RunTools
from securefed.ports import RoundFiles, Signer
from securefed.recipes.layout import Layout, Values
from securefed.steps.await_custodian import Waiting
from securefed.steps.round_names import AttemptNames
from securefed.steps.visit_site import Parcel
from securefed.wiring.custodian import custodian_client
from securefed.wiring.exchange import checkpoint_exchange
from securefed.wiring.fusion import votes_begun
from securefed.wiring.gather import Gather, SealedRounds, parcel, plain_gather
from securefed.wiring.members import Joined, joined_sites, reason_of
from securefed.wiring.noted_log import NotedLog
from securefed.wiring.remote import Ways
from securefed.wiring.stopping import stopped_by_file
from securefed.wiring.study import COUNTED, OpenStudy

if TYPE_CHECKING:
    from securefed.adapters.custodian_http.client import CustodianClient

    Custodians = Mapping[Name, CustodianClient]

_REFUSALS: Mapping[RequestState, type[SecurefedError]] = {
    RequestState.REVOKED: ApprovalWithdrawn,
    RequestState.EXPIRED: ApprovalExpired,
}


# The layout and the first values of a study's model, given its own code and a folder of assets.
Begin = Callable[[Study, bytes | None, Path | None], tuple[Layout, Values]]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How a study is to be run."""

    file: Path
    coordinator: Signer
    assets: Path | None
    deadline_s: float


# The metrics of a sum of tallies.
Figures = Callable[[Study, Wanted, Floats], NoisyMetrics]


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Who wants to know what happens; both may be called from any thread."""

    noted: Callable[[LogLine], None]
    standing: Callable[[SiteId, Standing], None]


class OpenRun:
    """A run that can start: its sites are known."""

    def __init__(self, run: StudyRun, missing: Callable[[], set[Name]]) -> None:
        self.stop = run.stop
        self._run, self._missing = run, missing

    @property
    def rounds(self) -> int:
        """How many rounds are done."""
        return self._run.finished_rounds

    def run(self) -> None:
        """Does all rounds that are left; a quorum that is lost is told by its reason."""
        try:
            self._run.run()
        except QuorumLost as error:
            raise reason_of(error, self._missing()) from error


@contextmanager
def opened_run(
    opened: OpenStudy,
    ways: Ways,
    wanted: Wanted,
    watch: Watch,
    begin: Begin | None = None,
    figures: Figures | None = None,
) -> Iterator[OpenRun]:
    """A run of a folder that nobody else runs."""
    folder, study = opened.folder, opened.study
    study.sealing.expect_openable()
    folder.make()
    with folder_files(folder.models) as models:
        passing = folder.emptied_passing()
        began, first = _began(opened, wanted, begin or first_values)
        log = NotedLog(opened.log, watch.noted)
        joined = joined_sites(opened, ways)
        for site, error in joined.missing.items():
            log.note(Noted(round=0, site=site, part=Name(error.code), words=str(error)))
        joined.expect_quorum(study.minimum_sites)
        custodians = _custodians(study, ways, wanted)
        gather = _gather(began, custodians, joined, wanted, passing)
        rounds = _Rounds(folder, gather, log.note)
        plan = RunPlan(
            study=study,
            layout=began.layout.digest,
            first=first,
            figures=partial(figures or summed_figures, study, wanted),
            code=_own_code(wanted.file, passing),
            deadline_s=wanted.deadline_s,
        )
        tools = RunTools(
            models=models,
            round_files=rounds.files,
            gather=rounds.gather,
            released=opened.released,
            folder=passing,
            monotonic=time.monotonic,
            note=log.note,
            on_standing=watch.standing,
            exchange=checkpoint_exchange(
                *(study.study, joined.members, list(custodians.values()), ways),
                *(folder.checkpoints, log.note),
            ),
        )
        run = StudyRun(plan, joined.members, tools)
        with stopped_by_file(folder, run.stop):
            yield OpenRun(run, lambda: joined.codes | set(log.failed.values()))
        folder.emptied_passing()


def first_values(
    study: Study, own_code: bytes | None, assets: Path | None
) -> tuple[Layout, Values]:
    """What a recipe begins with: public, and the same for everybody."""
    if study.fusion is not None:
        return votes_begun(study, study.fusion, own_code, assets)
    from securefed.adapters.opacus_training.controlling import check_controlled
    from securefed.adapters.opacus_training.proximal import check_proximal
    from securefed.adapters.opacus_training.training import first_model
    from securefed.adapters.opacus_training.trial import check_model
    from securefed.adapters.opacus_training.weights import copied, shared_parameters
    from securefed.recipes.registry import recipe_for

    recipe = recipe_for(study.recipe, assets, own_code)
    check_model(study.model, recipe)
    check_proximal(study.combining.proximal, recipe.settings)
    if study.combining.control:
        check_controlled(recipe.settings)
    first = copied(shared_parameters(first_model(recipe), recipe))
    layout = Layout.of(first)
    return layout, layout.flat({name: one.numpy() for name, one in first.items()})


def summed_figures(study: Study, wanted: Wanted, tally: Floats) -> NoisyMetrics:
    """What a recipe makes of the sum of all sites' noised tallies, without any data."""
    from securefed.adapters.opacus_training.figures import summed_metrics
    from securefed.recipes.registry import recipe_for

    recipe = recipe_for(study.recipe, wanted.assets, load_own_code(wanted.file))
    return summed_metrics(recipe, tally)


# --- what it begins with -------------------------------------------------------------------------


def _began(
    opened: OpenStudy, wanted: Wanted, begin: Begin
) -> tuple[Began, Callable[[], ServerState]]:
    """What the run began with, or begins with now; and the state before its first round."""

    def values() -> tuple[Layout, Values]:
        return begin(opened.study, load_own_code(wanted.file), wanted.assets)

    before, server = opened.folder.began, opened.study.combining.server
    if before is not None:
        if before.study != opened.study:
            where = str(opened.folder.root)
            raise ConfigInvalid("The folder has a run of another study", where=where)
        return before, lambda: first_state(server, before.layout.digest, values()[1])
    layout, row = values()
    began = Began(study=opened.study, layout=layout)
    opened.folder.keep_began(began)
    return began, lambda: first_state(server, layout.digest, row)


def _own_code(file: Path, passing: Path) -> Parcel | None:
    content = load_own_code(file)
    return None if content is None else parcel(passing / "own-code", content)


# --- its rounds ----------------------------------------------------------------------------------


def _gather(
    began: Began, custodians: "Custodians", joined: Joined, wanted: Wanted, passing: Path
) -> Gather:
    study, layout = began.study, began.layout.digest

    def roster(number: int) -> Roster:
        return joined.roster(study.sites_of(number), study.minimum_sites)

    if study.sealing.suite is Suite.NONE:
        return plain_gather(study, layout, roster)
    if wanted.coordinator.key != study.sealing.coordinator:
        raise ConfigInvalid(
            "The key is not that of the coordinator whom the study names",
            hint="Name its private key file with --coordinator-key.",
        )
    return SealedRounds(
        study=study,
        layout=layout,
        roster=roster,
        signer=wanted.coordinator,
        custodians=custodians,
        folder=passing,
    ).gather


def _custodians(study: Study, ways: Ways, wanted: Wanted) -> "Custodians":
    return dict(_custodian(ways, key, wanted) for key in study.sealing.custodians)


def _custodian(ways: Ways, key: PublicKey, wanted: Wanted) -> "tuple[Name, CustodianClient]":
    found = [one for one in ways.federation.custodians.items() if one[1].key == key]
    if not found:
        raise NotFound(
            f"The federation's file has no custodian with the key {key}",
            hint="Add a table [custodians.NAME] with the lines that its owner gave you.",
        )
    name, address = found[0]
    return name, custodian_client(address.url, key, wanted.coordinator, address.authority)


class _Rounds:
    """The files of the rounds. Of one that is done only what says what happened is left."""

    def __init__(self, folder: RunFolder, gather: Gather, note: Callable[[Noted], None]) -> None:
        self._folder, self._gather, self._note = folder, gather, note
        self._open: Gathered | None = None

    def gather(self, number: int, files: RoundFiles, waiting: Waiting) -> Gathered:
        """Opens a round."""
        self._open = self._gather(number, files, waiting)
        return self._open

    @contextmanager
    def files(self, number: int) -> Iterator[RoundFiles]:
        """A round's files, while it is worked on."""
        with folder_files(self._folder.rounds(number)) as files:
            yield files
            if self._open is not None:
                for site in self._open.gathering.delivered:
                    self._note(Noted(round=number, site=site, part=Name(COUNTED)))
                    files.remove(AttemptNames(1).update(site))
