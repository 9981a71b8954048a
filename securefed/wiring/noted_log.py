"""What happens in a run, on its way into the log and to whoever watches."""

from collections.abc import Callable
from decimal import Decimal

from securefed.adapters.run_folder import LogLine, RunLog
from securefed.adapters.this_machine import SystemClock
from securefed.domain.identifiers import Name, SiteId
from securefed.parties.study_tools import Noted

_DIGITS = Decimal("0.001")


class NotedLog:
    """Writes down what happens, and who has not done their part in the newest round."""

    def __init__(self, log: RunLog, noted: Callable[[LogLine], None]) -> None:
        self._log, self._noted = log, noted
        self._round = 0
        self.failed: dict[SiteId, Name] = {}

    def note(self, noted: Noted) -> None:
        """Takes in one thing that happened."""
        # Checkpoints of a round are exchanged while the next one is under way.
        if noted.round > self._round:
            self._round, self.failed = noted.round, {}
        if noted.round == self._round and noted.site is not None and noted.words:
            self.failed[noted.site] = noted.part
        shown = "".join(one for one in noted.words if one.isprintable())
        line = LogLine(
            at=SystemClock().now(),
            round=noted.round,
            site=noted.site,
            part=noted.part,
            seconds=Decimal(noted.seconds).quantize(_DIGITS),
            bytes=noted.bytes,
            words=shown,
        )
        self._log.add(line)
        self._noted(line)
