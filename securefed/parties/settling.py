"""How attempts end without a result: settled in the ledger at once, or as soon as it takes entries.

Promises that an attempt whose end could not be written, as on a full disk, is not forgotten while
the process lives. After that, the next start settles whatever is open.
"""

from collections.abc import Callable

from securefed.domain.identifiers import Name
from securefed.domain.round import RoundId
from securefed.errors import EnvironmentFault, SecurefedError
from securefed.steps.keep_ledger import SiteLedger
from securefed.steps.settle_budget import end_round


class Settling:
    """What one desk has to settle. `failed` is told of what could not be written."""

    def __init__(
        self, ledger: SiteLedger, failed: Callable[[RoundId, SecurefedError], None]
    ) -> None:
        self._ledger = ledger
        self._failed = failed
        self._causes: dict[RoundId, Name] = {}

    def end(self, id: RoundId, cause: Name) -> None:
        """Settles an attempt; where nothing can be written now, `again` does it."""
        self._causes[id] = cause
        try:
            self.again()
        except EnvironmentFault as error:
            self._failed(id, error)

    def again(self) -> None:
        """Settles what is still to be settled."""
        for id, cause in list(self._causes.items()):
            end_round(self._ledger, id, cause)
            self._causes.pop(id, None)
