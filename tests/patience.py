"""A coordinator's waiting for custodians whose time passes only where it waits."""

from dataclasses import dataclass, field

from securefed.errors import RunCancelled
from securefed.steps.await_custodian import Waiting


@dataclass
class Patient:
    """How long it waits, its pauses, and what was noted; it is stopped after `stops` pauses."""

    limit_s: float = 60.0
    stops: int | None = None
    now: float = 0.0
    pauses: list[float] = field(default_factory=list)
    noted: list[tuple[str, float, str]] = field(default_factory=list)

    @property
    def waiting(self) -> Waiting:
        return Waiting(
            limit_s=self.limit_s, monotonic=lambda: self.now, wait=self._wait, note=self._note
        )

    def _wait(self, seconds: float) -> None:
        if len(self.pauses) == self.stops:
            raise RunCancelled("The run was stopped")
        self.pauses.append(seconds)
        self.now += seconds

    def _note(self, part: str, began: float, *, words: str) -> None:
        self.noted.append((part, self.now - began, words))
