"""The desk: where a site answers what is asked through its approved functions.

It admits an attempt, has it trained beside the answer, and says where it stands. The ledger alone
decides; what the desk remembers is only what is under way. So the same question has the same answer
after a restart, and an attempt that a crash cut off is settled before the first answer is given.
"""

from pathlib import Path
from threading import BoundedSemaphore, Lock, Thread

from securefed.aggregation.plain_update import VALUE_BYTES
from securefed.domain.blob import BlobId, Direction
from securefed.domain.errand import (
    Answer,
    Answers,
    Cancel,
    Declined,
    Deliver,
    Errand,
    Fetch,
    One,
    OneAnswer,
    Phase,
    Report,
    Several,
    Standing,
    Ticketed,
    Train,
    answer_text,
    declined,
    read_errand,
)
from securefed.domain.identifiers import Name, RequestId, Sentence
from securefed.domain.request import RequestState
from securefed.domain.round import RoundId, RoundState
from securefed.domain.witnessing import Witness
from securefed.errors import (
    BlobLengthWrong,
    NotFound,
    NotInThisState,
    RunsBusy,
    SecurefedError,
    SiteStopping,
)
from securefed.parties.live_attempt import LiveAttempt
from securefed.parties.past_attempts import PastAttempts
from securefed.parties.room import Room
from securefed.parties.settling import Settling
from securefed.steps.admit_round import admit_round
from securefed.steps.run_round import Work, run_round
from securefed.steps.settle_budget import close_ended, settle_after_crash

_CANCELLED, _UNEXPECTED = Name("run-cancelled"), Name("unexpected")
# Other files than weights: a study's own code, a public key.
_MOST_OTHER = 2**22
# Each one holds a thread of the server, which has some forty.
_MOST_WAITING = 16


class Desk:
    """Answers errands. Any thread may ask; each attempt has a thread of its own."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._ledger = room.tools.ledger
        self._admitting = Lock()
        self._live: dict[RoundId, LiveAttempt] = {}
        self._past = PastAttempts(self._ledger, room.tools.blobs)
        self._settling = Settling(self._ledger, room.failed)
        self._stopping = False
        self._waiting = BoundedSemaphore(_MOST_WAITING)

    def begin(self) -> None:
        """Settles what a crash left behind; before the first question."""
        settle_after_crash(self._ledger)
        self.tidy()

    def answer(self, request: RequestId, text: str) -> str:
        """The answer to a text that came through a request's approved function."""
        try:
            return answer_text(self.ask(request, read_errand(text)))
        except SecurefedError as error:
            return answer_text(self._declined(error))

    def ask(self, request: RequestId, errand: Errand) -> Answer:
        """The answer to an errand, or the error why there is none."""
        if isinstance(errand, Several):
            return Answers(answers=tuple(self._tried(request, one) for one in errand.errands))
        return self._ask(request, errand)

    def _tried(self, request: RequestId, errand: One) -> OneAnswer:
        try:
            return self._ask(request, errand)
        except SecurefedError as error:
            return self._declined(error)

    def _declined(self, error: SecurefedError) -> Declined:
        # Whether an attempt or a file is there yet is what a coordinator asks; that is no refusal.
        if not isinstance(error, NotFound):
            self._room.refused(Name(error.code))
        return declined(error)

    def _ask(self, request: RequestId, errand: One) -> OneAnswer:
        if isinstance(errand, Witness):
            return self._room.witnessed(request, errand)
        id = RoundId(request=request, round=errand.of.round, attempt=errand.of.attempt)
        match errand:
            case Deliver():
                return self._deliver(id, errand)
            case Train():
                return self._train(id, errand)
            case Report(wait_s=wait_s):
                self._wait(id, wait_s)
                return self._standing(id)
            case Fetch(file=file):
                return self._fetch(id, file)
            case Cancel():
                if (live := self._live.get(id)) is not None:
                    live.cancel()
                return self._standing(id)

    def serves(self, id: RoundId) -> bool:
        """Whether files of this attempt may pass, and stay."""
        with self._ledger.held() as register:
            filed = register.requests.get(id.request)
            if filed is None or filed.state not in (RequestState.APPROVED, RequestState.COMPLETED):
                return False
            request = filed.signed.request
            gone = request.requester in register.suspended or request.dataset in register.erased
            if gone or self._ledger.now() >= request.expires_at:
                return False
            rounds = register.book_of(id).holds[id.request].rounds
            known = rounds.get(id)
            if known is None:
                return filed.state is RequestState.APPROVED
            newest = max(one.round for one in rounds)
            return known.open or (known.state is RoundState.COMMITTED and id.round >= newest - 1)

    def tidy(self) -> None:
        """Closes requests that have ended, and lets go of what nothing needs any more."""
        self._settling.again()
        close_ended(self._ledger)
        for one in list(self._live.values()):
            if not self._past.runs_on(one.admitted.id.request):
                one.cancel()
        self._room.runs.tidy(self._past.runs_on)
        self._room.forget_kept(self._past.runs_on)
        self._room.tools.blobs.clear(self.serves)

    def stop(self) -> None:
        """Begins nothing more, ends what is under way, and returns when all of it is settled."""
        with self._admitting:
            self._stopping = True
            live = list(self._live.values())
        for one in live:
            one.cancel()
        self._room.runs.close()
        for one in live:
            if one.thread is not None:
                one.thread.join()

    # --- answers ---------------------------------------------------------------------------------

    def _deliver(self, id: RoundId, errand: Deliver) -> Ticketed:
        with self._ledger.held() as register:
            plan = register.running(id.request, self._ledger.now())
            register.account(plan.request.requester)
        most = max(VALUE_BYTES * plan.request.study.model.parameters, _MOST_OTHER)
        if errand.length > most:
            raise BlobLengthWrong(f"{errand.length} bytes were announced; {most} is the most")
        if not self.serves(id):
            raise NotInThisState("The attempt is over", where=str(id))
        blob = BlobId(of=id, digest=errand.blob)
        if self._room.tools.blobs.held(blob).whole:
            return Ticketed(ticket=None)
        return self._ticketed(blob, Direction.UPLOAD, errand.length)

    def _train(self, id: RoundId, errand: Train) -> Standing:
        with self._admitting:
            live = self._live.get(id)
            if live is not None:
                if live.admitted.errand != errand:
                    raise NotInThisState("The attempt was asked for in other words", where=str(id))
                return live.standing
            if (past := self._past.standing(id)) is not None:
                return past
            if self._stopping:
                raise SiteStopping("The site is stopping")
            if any(one.request == id.request for one in list(self._live)):
                raise RunsBusy("Another attempt of this request is under way", where=str(id))
            admitted = admit_round(self._ledger, id, errand, self._room.gate)
            live = LiveAttempt(admitted, self._room.monotonic)
            live.thread = Thread(target=self._work, args=(live,), name=str(id))
            self._live[id] = live
            live.thread.start()
            return live.standing

    def _wait(self, id: RoundId, wait_s: int) -> None:
        """Waits for an attempt's end, unless so many wait that others would not get through."""
        live = self._live.get(id)
        if wait_s and live is not None and self._waiting.acquire(blocking=False):
            try:
                live.over.wait(wait_s)
            finally:
                self._waiting.release()

    def _standing(self, id: RoundId) -> Standing:
        live = self._live.get(id)
        if live is not None:
            return live.standing
        past = self._past.standing(id)
        if past is None:
            raise NotFound("There is no such attempt", where=str(id))
        return past

    def _fetch(self, id: RoundId, file: Name) -> Ticketed:
        standing = self._standing(id)
        # Whoever waits for an attempt's end asks for its files as well, and it may have failed.
        if standing.phase is Phase.DONE and not self.serves(id):
            raise NotInThisState("The site gives out nothing of this attempt", where=str(id))
        for one in standing.released:
            if one.file == file:
                blob = BlobId(of=id, digest=one.digest)
                return self._ticketed(blob, Direction.DOWNLOAD, one.length)
        raise NotFound(f"The attempt has released no file {file}", where=str(id))

    def _ticketed(self, blob: BlobId, direction: Direction, length: int) -> Ticketed:
        return Ticketed(ticket=Sentence(self._room.ticket(blob, direction, length).text))

    # --- work ------------------------------------------------------------------------------------

    def _work(self, live: LiveAttempt) -> None:
        cause: Name | None = _UNEXPECTED
        try:
            with self._room.workplace() as folder:
                self._attempted(live, folder)
            cause = None
        except SecurefedError as error:
            cause = _CANCELLED if live.cancelled else Name(error.code)
            self._room.failed(live.admitted.id, error)
        finally:
            try:
                if cause is not None:
                    self._settling.end(live.admitted.id, cause)
            finally:
                del self._live[live.admitted.id]
                live.over.set()

    def _attempted(self, live: LiveAttempt, folder: Path) -> None:
        room, plan, request = self._room, live.admitted.plan, live.admitted.id.request
        room.check_data(plan.card)
        run = room.runs.borrow(request, room.enclosure(plan))
        live.has(run)
        work = Work(
            admitted=live.admitted,
            order=room.order(plan),
            folder=folder,
            kept=room.kept(request),
            control=room.control(request),
            on_step=live.stepped,
            on_sealing=live.sealing,
            on_laying=live.laying,
        )
        try:
            run_round(run, work, room.tools)
        except BaseException:
            run.stop()
            room.runs.lost()
            raise
        self._past.took(live.admitted.id, live.spent())
        if live.let_go():
            room.runs.give_back(request, run)
        else:
            room.runs.lost()
