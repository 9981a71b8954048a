"""The coordinator and a custodian together: the canary is logged as one, the round is opened."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from securefed.adapters.memory_round import MemoryFiles, MemoryWorkers
from securefed.aggregation.chunks import Words
from securefed.aggregation.opening import Held
from securefed.domain.update import Roster, Seal
from securefed.parties.coordinator import CoordinatorParty, Equipment
from tests.aggregation.round_of_sites import site
from tests.custody import Custody, round_of
from tests.steps.sealed_round import SealedRound


@dataclass(frozen=True)
class AtCustodian:
    """A custodian's process as the coordinator calls it."""

    custody: Custody
    holds: Held

    def open(self, seal: Seal, roster: Roster, file: BinaryIO) -> Iterator[Words]:
        return self.custody.party.open(seal, roster, file)

    def prove(self, seal: Seal, roster: Roster, file: BinaryIO, expected: object) -> bool:
        return self.custody.party.prove(seal, roster, file, expected)


def test_a_round_is_proved_collected_closed_and_opened_once() -> None:
    custody = Custody()
    one = SealedRound(round_of(), MemoryFiles())
    custodian = AtCustodian(custody, one.play.mask_keys[0].public)
    tools = replace(one.tools(), custodians=[custodian])
    coordinator = CoordinatorParty(
        one.files, one.announced, Equipment(tools=tools, workers=MemoryWorkers())
    )
    assert not coordinator.prove().proof.failed
    for number in range(3):
        coordinator.receive(site(number), [one.sealed(number)])
    with coordinator.close()() as file:
        opened = np.concatenate(list(custodian.open(one.play.seal, one.play.roster, file)))
    assert opened.size == one.play.shape.slots(0)
    kinds = custody.kinds()
    assert (kinds.count("canary-tried"), kinds.count("round-opened")) == (1, 1)
    assert kinds.index("canary-tried") < kinds.index("round-opened")
