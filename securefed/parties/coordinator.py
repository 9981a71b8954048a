"""The coordinator: announces an attempt, proves its protection, collects updates, closes the sum.

It holds a signing key, public keys, sealed files and their sum: nothing with which an update could
be read. It answers for the order: no update is taken before the self-test passed, and none once the
sum is being closed. It can be stopped at any moment; a new one over the same files goes on.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import BinaryIO

from securefed.aggregation.grid import Floats
from securefed.aggregation.sealed_file import check_sum
from securefed.aggregation.shape import digits_of, shape_of
from securefed.domain.collection import Announced, Collection
from securefed.domain.identifiers import SiteId
from securefed.domain.protection import SignedProof
from securefed.errors import NotInThisState, ProtectionUnproven
from securefed.ports import RoundFiles, Workers
from securefed.steps.aggregate_round import close_sum
from securefed.steps.collect_updates import Collecting
from securefed.steps.combine_openings import opened_values
from securefed.steps.prove_protection import Tools, prove_protection


@dataclass(frozen=True, kw_only=True)
class Equipment:
    """What a coordinator works with in every round."""

    tools: Tools
    workers: Workers


class CoordinatorParty:
    """One attempt at a round."""

    def __init__(self, files: RoundFiles, announced: Announced, equipment: Equipment) -> None:
        self._files = files
        self._announced = announced
        self._equipment = equipment
        self._working = Lock()
        self._proof: SignedProof | None = None
        self._tally: Floats | None = None
        sealing = equipment.tools.sealing
        self._collecting = Collecting(files, announced, sealing.verify, sealing.new_adder)

    @property
    def state(self) -> Collection:
        """Who delivered, who was refused and why, of whom nothing came."""
        return self._collecting.state

    @property
    def delivered(self) -> tuple[SiteId, ...]:
        """The sites whose sealed updates are here, sorted."""
        return tuple(sorted(self._collecting.state.delivered))

    def prove(self) -> SignedProof:
        """The self-test's result, for every site's ledger; made once, and kept if it failed."""
        with self._working:
            self._proof = prove_protection(self._files, self._announced, self._equipment.tools)
            return self._proof

    def receive(self, site: SiteId, parts: Iterable[bytes]) -> int:
        """Takes in an update from whom the channel says that it is, and says how many of its values
        were cut; raises why it is refused."""
        if self._proof is None:
            raise ProtectionUnproven("This process has made no self-test for the attempt")
        self._proof.proof.expect_passed(self._announced.seal)
        return self._collecting.receive(site, parts)

    def close(self) -> Callable[[], BinaryIO]:
        """What opens the sealed sum of all that came in, for the custodians."""
        with self._working:
            return close_sum(
                self._collecting, self._equipment.workers, self._equipment.tools.signer
            )

    def add(self) -> int:
        """Makes the sealed sum; its bytes."""
        with self.close()() as file:
            return file.seek(0, os.SEEK_END)

    def average(self) -> Iterator[tuple[slice, Floats]]:
        """The weighted average of all that came in, part by part, as the custodians open it."""
        seal, roster = self._announced.seal, self._announced.roster
        tools, sum_file = self._equipment.tools, self.close()
        shape = shape_of(seal)
        check = tools.sealing.new_adder(shape).check
        with sum_file() as file:
            checked = check_sum(file, seal, roster, tools.signer.key, tools.sealing.verify, check)
        digits = []
        for part in opened_values(tools.custodians, seal, roster, checked, sum_file):
            digits.append(part.digits)
            if part.average.size:
                yield part.place, part.average
        contributors = len(checked.signed.sum.sites)
        self._tally = digits_of(seal).summed(digits, contributors)

    @property
    def tally(self) -> Floats:
        """The sum of the sites' noised tallies, once the average is open to its end."""
        if self._tally is None:
            raise NotInThisState("The round's sum is not opened yet")
        return self._tally
