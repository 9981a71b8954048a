"""The site's runs: started behind their walls, kept warm between an approval's rounds, ended.

Promises that there are never more than so many at once, that a run only ever serves the approval it
was started for, that one which waited too long is ended, and that after `close` none is left and
none begins. A run that went wrong never comes back here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from securefed.domain.identifiers import RequestId
from securefed.domain.walls import Enclosure
from securefed.errors import RunsBusy, SiteStopping
from securefed.ports import Walled, Walls
from securefed.steps.attend_run import await_run


@dataclass(frozen=True)
class _Waiting:
    run: Walled
    since: float


class WarmRuns:
    """`most` runs at a time; one that waits for longer than `idle_s` is ended by `tidy`."""

    def __init__(
        self, walls: Walls, *, most: int, idle_s: float, monotonic: Callable[[], float]
    ) -> None:
        self._walls = walls
        self._most = most
        self._idle_s = idle_s
        self._monotonic = monotonic
        self._using = Lock()
        self._waiting: dict[RequestId, _Waiting] = {}
        self._busy = 0
        self._closed = False

    def borrow(self, request: RequestId, enclosure: Enclosure) -> Walled:
        """A run that waits for a round of this approval: the warm one, or a new one."""
        warm, cooled = self._place(request)
        if cooled is not None:
            cooled.stop()
        if warm is not None:
            return warm
        try:
            return self._started(enclosure)
        except BaseException:
            self.lost()
            raise

    def give_back(self, request: RequestId, run: Walled) -> None:
        """Keeps a run, which finished its round, for the next one."""
        with self._using:
            self._busy -= 1
            keep = not self._closed
            if keep:
                self._waiting[request] = _Waiting(run, self._monotonic())
        if not keep:
            run.stop()

    def lost(self) -> None:
        """A run that was borrowed has ended."""
        with self._using:
            self._busy -= 1

    def tidy(self, wanted: Callable[[RequestId], bool]) -> None:
        """Ends the runs that waited too long, and those whose approval has ended."""
        now = self._monotonic()
        with self._using:
            over = [
                request
                for request, one in self._waiting.items()
                if now - one.since > self._idle_s or not wanted(request)
            ]
            ended = [self._waiting.pop(request) for request in over]
        for one in ended:
            one.run.stop()

    def close(self) -> None:
        """Ends all that wait, and those that are out as soon as they are given back."""
        with self._using:
            self._closed = True
            ended, self._waiting = list(self._waiting.values()), {}
        for one in ended:
            one.run.stop()

    def _place(self, request: RequestId) -> tuple[Walled | None, Walled | None]:
        """Takes a place: the warm run for it, or one that is ended to make room."""
        with self._using:
            if self._closed:
                raise SiteStopping("The site is stopping")
            warm = self._waiting.pop(request, None)
            cooled = None
            if warm is None and self._busy + len(self._waiting) >= self._most:
                if not self._waiting:
                    raise RunsBusy(f"{self._busy} trainings run already; {self._most} is the most")
                oldest = min(self._waiting, key=lambda one: self._waiting[one].since)
                cooled = self._waiting.pop(oldest).run
            self._busy += 1
        return warm.run if warm is not None else None, cooled

    def _started(self, enclosure: Enclosure) -> Walled:
        run = self._walls.start(enclosure)
        try:
            await_run(run)
        except BaseException:
            run.stop()
            raise
        return run
