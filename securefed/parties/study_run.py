"""The coordinator over a whole study: round after round until its last, from wherever it stopped.

Promises that a round counts once its state is on the disk, and that everything before that can be
done again: sites are asked in the same words, updates that came are kept, a sum that was opened
opens to the same. Who is asked in a round, and whether another one follows, is told from the study
and from rounds that count, so every process tells the same. A site that fails, lies or is silent is
named and left out while the quorum holds; a custodian that is away is awaited, since nobody else
can open. It holds no secret but what signs; weights that it sees were noised at the sites.
"""

from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from functools import partial
from threading import Event, Lock, Thread

from securefed.aggregation.combining import ServerState, ServerStep, read_state, written_state
from securefed.domain.errand import Released
from securefed.domain.identifiers import Name, SiteId
from securefed.domain.round_parts import DONE, SHARE, Part, told_cut, waited
from securefed.domain.run_order import METRICS, UPDATE, mean_metrics
from securefed.errors import (
    QuorumLost,
    RoundOverdue,
    RunCancelled,
    SecurefedError,
    SiteUnreachable,
)
from securefed.parties.round_metrics import keep_metrics, metrics_in_words, sum_metrics
from securefed.parties.round_under_way import RoundUnderWay
from securefed.parties.study_tools import Member, Noted, RunPlan, RunTools
from securefed.ports import RoundFiles
from securefed.steps.await_custodian import Waiting
from securefed.steps.send_model import control_parcel, control_stride, weights_parcel
from securefed.steps.visit_site import (
    Patience,
    Reached,
    Visit,
    cancel_attempts,
    fetch_file,
    file_parts,
    visit_site,
)


class StudyRun:
    """A run of a study by one process. `stop` may come from any thread."""

    def __init__(self, plan: RunPlan, members: tuple[Member, ...], tools: RunTools) -> None:
        self._plan = plan
        self._members = members
        self._tools = tools
        self._stopping = Event()
        self._noting = Lock()
        self._means: list[Mapping[str, Decimal]] = []
        self._unvouched: RoundUnderWay | None = None

    def stop(self) -> None:
        """Ends the run soon; what is under way at the sites goes on and is found again."""
        self._stopping.set()

    @property
    def finished_rounds(self) -> int:
        """How many rounds are done."""
        names = set(self._tools.models.names())
        number = 0
        while _state_name(number + 1) in names:
            number += 1
        return number

    def state(self, number: int) -> ServerState:
        """The model after a round; after none, as it begins."""
        if number == 0:
            return self._plan.first()
        plan = self._plan
        with self._tools.models.opener(_state_name(number))() as file:
            server = plan.study.combining.server
            return read_state(file, server, plan.layout, plan.study.model.parameters)

    def run(self) -> ServerState:
        """Does every round that is not done, and returns the model after the last one."""
        done = self.finished_rounds
        state = self.state(done)
        try:
            while done < self._plan.study.rounds and not self._judged(done):
                done += 1
                state = self._round(done, state)
        finally:
            self._tools.exchange.wait()
        if done < self._plan.study.rounds:
            self._tools.exchange.finish(done)
        return state

    def _judged(self, done: int) -> bool:
        """Whether the study ends after these rounds, by what was released in them."""
        stop = self._plan.study.combining.stop
        if stop is None or done == 0:
            return False
        # What a round released does not change any more once the round counts.
        for number in range(len(self._means) + 1, done + 1):
            self._means.append(mean_metrics(self._tools.released(number)))
        judgement = stop.judge(self._means)
        self._noted(done, None, "judge", self._tools.monotonic(), words=judgement.reason)
        return judgement.stop

    # --- one round -------------------------------------------------------------------------------

    def _round(self, number: int, state: ServerState) -> ServerState:
        tools = self._tools
        with tools.round_files(number) as files:
            began = tools.monotonic()
            gathered = tools.gather(number, files, self._waiting(number))
            self._noted(number, None, Part.ANNOUNCE, began)
            one = RoundUnderWay(
                number=number,
                gathered=gathered,
                weights=weights_parcel(tools.folder, number, state),
                control=control_parcel(tools.folder, number, state),
                ends=tools.monotonic() + self._plan.deadline_s,
            )
            if not gathered.closed:
                self._visit_all(one, files)
                self._expect_quorum(one)
            self._combine(one, state, files)
            self._noted(number, None, DONE, began)
        return state

    def _combine(self, one: RoundUnderWay, state: ServerState, files: RoundFiles) -> None:
        """Adds what came in, has the sum opened, and moves the model on; then the round counts."""
        monotonic, gathering = self._tools.monotonic, one.gathered.gathering
        began = monotonic()
        added = gathering.add()
        if sealed := one.gathered.protection is not None:
            self._noted(one.number, None, Part.ADD, began, bytes=added)
        combining = self._plan.study.combining
        factor = combining.schedule.factor(one.number, self._plan.study.rounds)
        stride = control_stride(self._plan.study, one.number, gathering.delivered)
        step = ServerStep(combining.server, state, factor=factor, stride=stride)
        opening, began = 0.0, monotonic()
        parts = gathering.average()
        while True:
            asked = monotonic()
            found = next(parts, None)
            opening += monotonic() - asked
            if found is None:
                break
            step.add(*found)
        step.finish()
        sum_metrics(self._plan, gathering, files)
        if words := metrics_in_words(self._tools.released, one.number):
            self._noted(one.number, None, METRICS, monotonic(), words=words)
        now = monotonic()
        self._noted(one.number, None, Part.OPEN if sealed else Part.ADD, now - opening)
        self._noted(one.number, None, Part.STEP, began + opening)
        self._vouch(one)
        self._tools.models.put(_state_name(one.number), written_state(state))

    def _vouch(self, one: RoundUnderWay) -> None:
        """Leaves checkpoints to be passed on; after the last round they are signed at once."""
        self._unvouched = one
        if one.number == self._plan.study.rounds:
            began = self._tools.monotonic()
            self._tools.exchange.finish(one.number, one.failed)
            self._noted(one.number, None, Part.VOUCH, began)

    def _pass_on(self) -> None:
        """Passes on what the last round left, once, while sites train and nobody waits for it."""
        began, exchange = self._tools.monotonic(), self._tools.exchange
        with self._noting:
            if (one := self._unvouched) is None or exchange.busy:
                return
            self._unvouched = None
        noted = partial(self._noted, one.number, None, Part.VOUCH, began)
        exchange.begin(one.number, one.failed, noted)

    def _visit_all(self, one: RoundUnderWay, files: RoundFiles) -> None:
        here = set(one.gathered.gathering.delivered)
        asked = set(self._plan.study.sites_of(one.number)) - here
        threads = [
            Thread(target=self._visited, args=(one, member, files), name=f"visit {member.site}")
            for member in self._members
            if member.site in asked
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _visited(self, one: RoundUnderWay, member: Member, files: RoundFiles) -> None:
        began = self._tools.monotonic()
        try:
            self._part(one, member, files)
            self._noted(one.number, member.site, SHARE, began)
        except SecurefedError as error:
            one.failed[member.site] = error
            self._noted(one.number, member.site, error.code, began, words=str(error))

    def _part(self, one: RoundUnderWay, member: Member, files: RoundFiles) -> None:
        sent: list[float] = []
        patience = self._patience(one, member.site, sent)
        visit = one.visit(self._plan, member)
        began = self._tools.monotonic()
        try:
            reached = visit_site(member.remote, visit, patience)
        except RoundOverdue:
            with suppress(SiteUnreachable):
                cancel_attempts(member.remote, member.request, one.number, visit.attempts)
            raise
        now = self._tools.monotonic()
        for part, seconds in waited(now - began - sum(sent), reached.standing.spent).items():
            self._noted(one.number, member.site, part, now - seconds)
        # The update comes last: a site that has delivered is not asked for its metrics again.
        for file in sorted(reached.standing.released, key=lambda file: file.file == UPDATE):
            self._fetched(one, member, visit, reached, file, patience, files)

    def _fetched(
        self,
        one: RoundUnderWay,
        member: Member,
        visit: Visit,
        reached: Reached,
        file: Released,
        patience: Patience,
        files: RoundFiles,
    ) -> None:
        began = self._tools.monotonic()
        target = self._tools.folder / f"{one.number}.{member.site}.{file.file}"
        fetch_file(member.remote, visit, reached, file, target, patience)
        self._noted(one.number, member.site, f"fetch-{file.file}", began, bytes=file.length)
        if file.file == UPDATE:
            began = self._tools.monotonic()
            cut = one.gathered.gathering.receive(member.site, file_parts(target))
            self._noted(one.number, member.site, Part.ADD, began, words=told_cut(cut))
        elif file.file == METRICS:
            keep_metrics(member.site, target, files)
        target.unlink()

    def _patience(self, one: RoundUnderWay, site: SiteId, sent: list[float]) -> Patience:
        def wait(seconds: float) -> None:
            self._pause(one.number, seconds)
            if self._tools.monotonic() > one.ends:
                raise RoundOverdue("The site did not finish in time", where=site)

        def on_sent(began: float, moved: int) -> None:
            sent.append(self._tools.monotonic() - began)
            self._noted(one.number, site, Part.SEND, began, bytes=moved)
            self._pass_on()

        return Patience(
            wait=wait,
            on_standing=lambda standing: self._tools.on_standing(site, standing),
            monotonic=self._tools.monotonic,
            on_sent=on_sent,
        )

    def _waiting(self, number: int) -> Waiting:
        """How the custodians of a round are awaited."""
        return Waiting(
            limit_s=self._plan.deadline_s,
            monotonic=self._tools.monotonic,
            wait=partial(self._pause, number),
            note=partial(self._noted, number, None),
        )

    def _pause(self, number: int, seconds: float = 0) -> None:
        """Goes on after so many seconds, unless the run is to end."""
        if self._stopping.wait(seconds):
            raise RunCancelled("The run was stopped", where=f"round {number}")

    def _expect_quorum(self, one: RoundUnderWay) -> None:
        self._pause(one.number)
        here, least = len(one.gathered.gathering.delivered), self._plan.study.minimum_sites
        if here >= least:
            return
        named = "; ".join(f"{site}: {error}" for site, error in sorted(one.failed.items()))
        raise QuorumLost(
            f"{here} of at least {least} sites finished round {one.number}. {named}",
            where=f"round {one.number}",
        )

    def _noted(
        self,
        number: int,
        site: SiteId | None,
        part: str,
        began: float,
        *,
        bytes: int = 0,
        words: str = "",
    ) -> None:
        seconds = self._tools.monotonic() - began
        made = Noted(
            round=number, site=site, part=Name(part), seconds=seconds, bytes=bytes, words=words
        )
        with self._noting:
            self._tools.note(made)


def _state_name(number: int) -> str:
    return f"state.{number}"
