"""How attempts end without a result: settled in the ledger at once, or as soon as it takes entries.

Promises that an attempt whose end could not be written, as on a full disk, is not forgotten while
the process lives. After that, the next start settles whatever is open.
"""

from collections.abc import Callable

from securefed.domain.identifiers import Name
from securefed.domain.register import Register
from securefed.domain.round import Round, RoundId
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
            with self._ledger.held() as register:
                attempt = attempt_of(register, id)
                if attempt is not None and attempt.open:
                    end_round(self._ledger, attempt, cause)
            self._causes.pop(id, None)


def attempt_of(register: Register, id: RoundId) -> Round | None:
    """An attempt as the ledger has it, if it has it."""
    register.request(id.request)
    hold = register.book_of(id).holds.get(id.request)
    return None if hold is None else hold.rounds.get(id)
