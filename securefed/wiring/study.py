"""The composition root of a data scientist's study: filed at its sites, looked at, and run.

Everything that a run needs again lies in the study's run folder: the requests as they were filed,
what the run began with, its rounds, its log. What was filed is what is run, whatever the study's
file says by now. Nothing here loads PySyft, torch or TenSEAL before it is needed.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TypeVar

from securefed.adapters.ed25519_keys import load_key
from securefed.adapters.run_folder import Began, RunFolder, RunLog
from securefed.adapters.run_folder import LogLine as LogLine
from securefed.adapters.this_machine import SystemClock
from securefed.aggregation.combining import ServerState, read_state
from securefed.config import Change, load_study
from securefed.config.federation import load_federation
from securefed.domain.identifiers import AccountId, RequestId, SiteId
from securefed.domain.request import RequestState, SignedRequest
from securefed.domain.run_order import NoisyMetrics, mean_metrics
from securefed.domain.study import Study
from securefed.errors import (
    AlreadyExists,
    ConfigInvalid,
    NotAllowedHere,
    NotFound,
    NotInThisState,
    SecurefedError,
    StorageFailed,
)
from securefed.ports import Accountant, Signer
from securefed.steps.submit_request import write_request
from securefed.wiring.export import SAFETENSORS, ExportForm, TrainedModel, write_export
from securefed.wiring.fusion import with_student
from securefed.wiring.remote import Connect, StudySite, connect_site
from securefed.wiring.remote import Ways as Ways
from securefed.wiring.round_times import RoundTime, round_times

T = TypeVar("T")


def open_ways(federation: Path, key: Path, connect: Connect | None = None) -> Ways:
    """The ways of whoever has the key, to the sites of a file."""
    return Ways(load_federation(federation), load_key(key), connect or connect_site)


@dataclass(frozen=True, kw_only=True)
class Filing:
    """A site's request: its name and state, or what is wrong."""

    site: SiteId
    request: RequestId | None
    state: RequestState | None
    error: SecurefedError | None


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What is known of a run from its folder."""

    rounds: int
    delivered: Mapping[SiteId, int]
    bytes: Mapping[SiteId, int]
    parts: Mapping[str, Decimal]
    metrics: Sequence[Mapping[str, Decimal]]
    times: Sequence[RoundTime]


class OpenStudy:
    """A study and its run folder."""

    def __init__(self, study: Study, folder: RunFolder) -> None:
        self.study = study
        self.folder = folder
        self.log = RunLog(folder.log)

    # --- at the sites ----------------------------------------------------------------------------

    def submit(self, ways: Ways, requester: AccountId, *, anew: bool) -> list[Filing]:
        """Files each site's request: the one that was filed before, unless it ended or is asked
        for anew."""
        self.study.sealing.expect_openable()
        began = self.folder.began
        if began is not None and began.study != self.study:
            raise ConfigInvalid(
                "The study has changed since its rounds began",
                where=str(self.folder.root),
                hint="Put back the study's file, or name another folder with --folder.",
            )
        now = SystemClock().now()
        self.folder.make()
        found = {
            one.site: self._signed(one.site, requester, ways.signer, now, anew=anew)
            for one in self.study.participants
        }

        def file(site: SiteId, way: StudySite) -> RequestState:
            way.submit(found[site])
            return way.state(found[site].request.request)

        return self._at_all(ways, file)

    def standing(self, ways: Ways) -> list[Filing]:
        """Where each site's request stands."""

        def look(site: SiteId, way: StudySite) -> RequestState:
            return way.state(self.request(site))

        return self._at_all(ways, look)

    def request(self, site: SiteId) -> RequestId:
        """The name of what was filed at a site."""
        signed = self.folder.request(site)
        if signed is None:
            raise NotFound(
                f"Nothing was filed at {site} from this folder",
                where=str(self.folder.root),
                hint="Run 'securefed study submit' with --federation first.",
            )
        return signed.request.request

    def expect_filed_by(self, requester: AccountId) -> None:
        """Refuses to act for another account than the one whose requests were filed."""
        for part in self.study.participants:
            signed = self.folder.request(part.site)
            if signed is not None and signed.request.requester != requester:
                raise NotAllowedHere(
                    f"The request at {part.site} was filed by {signed.request.requester}",
                    where=str(self.folder.root),
                )

    def _signed(
        self, site: SiteId, who: AccountId, signer: Signer, now: datetime, *, anew: bool
    ) -> SignedRequest:
        kept = self.folder.request(site)
        if kept is not None and not anew and now < kept.request.expires_at:
            asked = (kept.request.study, kept.request.requester, kept.request.requester_key)
            if asked == (self.study, who, signer.key):
                return kept
        signed = write_request(self.study, site, who, signer, now)
        self.folder.keep_request(signed)
        return signed

    def _at_all(self, ways: Ways, act: Callable[[SiteId, StudySite], RequestState]) -> list[Filing]:
        sites = [one.site for one in self.study.participants]
        # Here and not in a thread each: what they load, they load once.
        made = {site: _tried(partial(ways.to, site)) for site in sites}

        def one(site: SiteId) -> Filing:
            way, error = made[site]
            state = None
            if way is not None:
                state, error = _tried(lambda: act(site, way))
            known = self.folder.request(site)
            request = None if known is None else known.request.request
            return Filing(site=site, request=request, state=state, error=error)

        with ThreadPoolExecutor(max_workers=len(sites)) as pool:
            return list(pool.map(one, sites))

    # --- what came of it -------------------------------------------------------------------------

    def finished(self) -> Finished:
        """What the folder says, from every process that worked on it."""
        delivered: dict[SiteId, set[int]] = {one.site: set() for one in self.study.participants}
        moved = dict.fromkeys(delivered, 0)
        parts: dict[str, Decimal] = {}
        lines = self.log.lines()
        for line in lines:
            if line.seconds:
                parts[line.part] = parts.get(line.part, Decimal(0)) + line.seconds
            if line.site in delivered:
                moved[line.site] += line.bytes
                if line.part == COUNTED:
                    delivered[line.site].add(line.round)
        rounds = self.folder.finished
        return Finished(
            rounds=rounds,
            delivered={site: len(found) for site, found in delivered.items()},
            bytes=moved,
            parts=parts,
            metrics=[mean_metrics(self.released(number)) for number in range(1, rounds + 1)],
            times=round_times(lines),
        )

    def export(
        self,
        target: Path,
        delta: Decimal | None,
        accountant: Accountant,
        *,
        again: bool = False,
        form: ExportForm = SAFETENSORS,
    ) -> Path:
        """Writes the newest round's model, its record and its card into a folder."""
        began, done = self.folder.began, self.finished()
        if began is None or not done.rounds:
            raise NotInThisState(
                "No round is done yet",
                where=str(self.folder.root),
                hint="Run 'securefed study run' first.",
            )
        if target.exists() and not again:
            raise AlreadyExists("There is something already", where=str(target))
        trained = TrainedModel(
            study=began.study,
            rounds=done.rounds,
            delivered=done.delivered,
            weights=began.layout.parts(self._state(began, done.rounds).weights),
        )
        if began.study.fusion is not None:
            trained = with_student(trained, began.study.fusion, form)
        write_export(target, trained, form, delta, accountant)
        return target

    def _state(self, began: Began, number: int) -> ServerState:
        path = self.folder.models / f"state.{number}"
        try:
            with path.open("rb") as file:
                parameters = began.study.model.parameters
                server = began.study.combining.server
                return read_state(file, server, began.layout.digest, parameters)
        except OSError as error:
            raise StorageFailed(f"Cannot read: {error.strerror}", where=str(path)) from error

    @property
    def over(self) -> bool:
        """Whether no round follows: all are done, or the study ends by what was released."""
        done, stop = self.folder.finished, self.study.combining.stop
        if stop is None or not 0 < done < self.study.rounds:
            return done >= self.study.rounds
        return stop.judge(mean_metrics(self.released(one + 1)) for one in range(done)).stop

    def released(self, number: int) -> list[NoisyMetrics]:
        """The metrics of a round: of all sites together, or those that each site released."""
        summed = self.folder.summed(number)
        if summed is not None:
            return [summed]
        found = (self.folder.metrics(number, part.site) for part in self.study.participants)
        return [one for one in found if one is not None]


COUNTED = "counted"


def new_study(file: Path, folder: Path | None, given: Callable[[Study], Study]) -> OpenStudy:
    """The study in a file, as it would be filed; `given` puts in what was said beside the file."""
    study = given(load_study(file))
    return OpenStudy(study, _folder(study, folder))


def filed_study(file: Path, folder: Path | None, changes: Sequence[Change] = ()) -> OpenStudy:
    """The study in a file, as it was filed: with the keys that were named when it was."""
    written = load_study(file, changes)
    root = _folder(written, folder)
    for part in written.participants:
        kept = root.request(part.site)
        if kept is not None:
            filed = kept.request.study
            if _with_keys_of(written, filed) != filed:
                raise ConfigInvalid(
                    "The study has changed since it was filed",
                    where=str(file),
                    hint="Put it back as it was, or file it with another --folder.",
                )
            written = filed
    return OpenStudy(written, root)


def find_log(file: Path | None, folder: Path | None) -> RunLog:
    """The log of a run that is named by its folder, or by its study's file."""
    if folder is not None:
        return RunLog(RunFolder(folder).log)
    if file is None:
        raise NotFound("Name the study's file, or its run's folder")
    return RunLog(_folder(load_study(file), None).log)


def _folder(study: Study, folder: Path | None) -> RunFolder:
    return RunFolder(folder or Path(f"{study.study}.run"))


def _with_keys_of(study: Study, filed: Study) -> Study:
    keys = filed.sealing
    sealing = replace(study.sealing, coordinator=keys.coordinator, custodians=keys.custodians)
    return replace(study, sealing=sealing)


def _tried(act: Callable[[], T]) -> tuple[T | None, SecurefedError | None]:
    try:
        return act(), None
    except SecurefedError as error:
        return None, error
