"""What a site's desk works with: its gate, runs, files, and who is told of what."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from securefed.domain.blob import BlobId, Direction, SignedTicket
from securefed.domain.identifiers import Name, RequestId
from securefed.domain.plan import ReviewPlan
from securefed.domain.request import RequestState
from securefed.domain.round import RoundId
from securefed.domain.run_order import RunOrder
from securefed.domain.site import DataCard
from securefed.domain.walls import Enclosure
from securefed.domain.witnessing import Witness, Witnessed
from securefed.errors import NotInThisState, SecurefedError
from securefed.parties.warm_runs import WarmRuns
from securefed.parties.witness import PartyWitness
from securefed.steps.admit_round import Gate
from securefed.steps.run_round import RoundTools


@dataclass(frozen=True, kw_only=True)
class Room:
    """What a desk works with. `kept` and `control` are where a study keeps what stays here;
    `forget_kept` removes what nobody wants any more."""

    gate: Gate
    tools: RoundTools
    runs: WarmRuns
    order: Callable[[ReviewPlan], RunOrder]
    enclosure: Callable[[ReviewPlan], Enclosure]
    check_data: Callable[[DataCard], None]
    workplace: Callable[[], AbstractContextManager[Path]]
    kept: Callable[[RequestId], Path]
    control: Callable[[RequestId], Path]
    forget_kept: Callable[[Callable[[RequestId], bool]], None]
    ticket: Callable[[BlobId, Direction, int], SignedTicket]
    refused: Callable[[Name], None]
    failed: Callable[[RoundId, SecurefedError], None]
    witness: PartyWitness
    monotonic: Callable[[], float]

    def witnessed(self, request: RequestId, errand: Witness) -> Witnessed:
        """What the site signs of others' ledgers, in a study that was approved."""
        with self.tools.ledger.held() as register:
            filed = register.request(request)
            register.account(filed.signed.request.requester)
        if filed.state not in (RequestState.APPROVED, RequestState.COMPLETED):
            raise NotInThisState("Checkpoints are exchanged in an approved study", where=request)
        answer = self.witness.ask(errand.notes)
        for one in answer.refused:
            self.refused(one.code)
        return answer
