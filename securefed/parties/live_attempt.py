"""An attempt that is under way at a site: how far it is, its run, and whether it was cancelled."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from securefed.domain.errand import LONGEST_PART_MS, Phase, Spent, Standing
from securefed.ports import Walled
from securefed.steps.admit_round import Admitted


@dataclass
class LiveAttempt:
    """One attempt. Its own thread moves it on; any thread may ask or cancel."""

    admitted: Admitted
    monotonic: Callable[[], float]
    phase: Phase = Phase.STARTING
    step: int = 0
    run: Walled | None = None
    cancelled: bool = False
    thread: Thread | None = None
    using: Lock = field(default_factory=Lock)
    over: Event = field(default_factory=Event)
    _since: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._begins("start")

    def stepped(self, step: int) -> None:
        """A step was granted."""
        self.phase, self.step = Phase.TRAINING, step

    def sealing(self) -> None:
        """Training is over."""
        self.phase = Phase.SEALING
        self._begins("seal")

    def laying(self) -> None:
        """What may leave is made, and is laid down."""
        self._begins("upload")

    def has(self, run: Walled) -> None:
        """The run that does the work; ended at once where the attempt was cancelled before."""
        self._begins("train")
        with self.using:
            self.run = run
            late = self.cancelled
        if late:
            run.stop()

    def let_go(self) -> bool:
        """Whether the run that did its round may do another."""
        with self.using:
            self.run = None
            return not self.cancelled

    def cancel(self) -> None:
        """Ends the attempt's run, now or when it gets one."""
        with self.using:
            self.cancelled = True
            run = self.run
        if run is not None:
            run.stop()

    def spent(self) -> Spent:
        """What its parts took, once it is done."""
        ends = [*self._since.values(), self.monotonic()][1:]
        passed = {
            part: min(int(1000 * (end - since)), LONGEST_PART_MS)
            for (part, since), end in zip(self._since.items(), ends, strict=True)
        }
        return Spent(**passed)

    @property
    def standing(self) -> Standing:
        """Where it stands."""
        admitted = self.admitted
        return Standing(
            id=admitted.id,
            ticket=admitted.token.digest,
            phase=self.phase,
            step=self.step,
            steps=admitted.token.execution.training.steps,
            cause=None,
            released=(),
        )

    def _begins(self, part: str) -> None:
        """A part begins, and the one before it ends."""
        self._since.setdefault(part, self.monotonic())
