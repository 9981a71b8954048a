"""The coordinator's side of an opening: both custodians' words become the plain average."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import pytest

from securefed.adapters.ed25519_keys import verify
from securefed.aggregation.chunks import Words
from securefed.aggregation.opening import Held
from securefed.aggregation.sealed_file import CheckedSum, check_sum
from securefed.domain.identifiers import Digest
from securefed.domain.key_card import Holds
from securefed.domain.study import Suite
from securefed.domain.update import Roster, Seal
from securefed.errors import CustodyRefused, NotFound, SealInvalid
from securefed.steps.combine_openings import opened_values
from tests.adapters.sealing.parties import COORDINATOR, Play
from tests.custody import STUDY, Custody, round_of, summed
from tests.steps.test_open_round import spoiled


@dataclass
class Near:
    """A custodian in this process."""

    custody: Custody

    @property
    def holds(self) -> Held:
        return self.custody.party.study(STUDY).cards[-1].card.key

    def open(self, seal: Seal, roster: Roster, file: BinaryIO) -> Iterator[Words]:
        return self.custody.party.open(seal, roster, file)

    def prove(self, seal: Seal, roster: Roster, file: BinaryIO, expected: Digest) -> bool:
        return self.custody.party.prove(seal, roster, file, expected)


def custodians(suite: Suite) -> list[Near]:
    kinds = [kind for kind in Holds if suite in kind.suites]
    return [Near(Custody(holds=kind, suites=(suite,))) for kind in kinds]


def checked_of(one: Play, data: bytes) -> CheckedSum:
    file = io.BytesIO(data)
    return check_sum(file, one.seal, one.roster, COORDINATOR.key, verify, lambda *_: None)


@pytest.mark.parametrize("suite", [Suite.BFV, Suite.BFV_MASK, Suite.MASK], ids=str)
@pytest.mark.parametrize("sites", [(0, 1, 2), (0, 2)])
def test_what_custodians_open_is_the_average(suite: Suite, sites: tuple[int, ...]) -> None:
    one = round_of(suite, parameters=9000)
    data = summed(one, sites).read()
    found = opened_values(
        custodians(suite), one.seal, one.roster, checked_of(one, data), lambda: io.BytesIO(data)
    )
    assert (np.concatenate([part.average for part in found]) == one.opened(data)).all()


def test_without_one_of_the_custodians_nothing_is_opened() -> None:
    one = round_of(Suite.BFV_MASK)
    data = summed(one).read()
    for alone in custodians(Suite.BFV_MASK):
        with pytest.raises(NotFound, match="No custodian holds"):
            list(
                opened_values(
                    [alone], one.seal, one.roster, checked_of(one, data), lambda: io.BytesIO(data)
                )
            )
        if alone.custody.holds is Holds.MASK:
            assert "round-opened" not in alone.custody.kinds()


def test_masks_stay_unspent_where_a_sum_does_not_open() -> None:
    one = round_of(Suite.BFV_MASK)
    lattice, masks = custodians(Suite.BFV_MASK)
    data = spoiled(one).read()
    with pytest.raises(SealInvalid, match="full of noise"):
        list(
            opened_values(
                [masks, lattice],
                one.seal,
                one.roster,
                checked_of(one, data),
                lambda: io.BytesIO(data),
            )
        )
    assert lattice.custody.kinds()[-1] == "opening-failed"
    assert masks.custody.kinds() == ["custody-founded", "study-registered"]


def test_masks_stay_unspent_where_the_lattice_custodian_refuses() -> None:
    one = round_of(Suite.BFV_MASK)
    lattice, masks = custodians(Suite.BFV_MASK)
    list(lattice.open(one.seal, one.roster, summed(one)))
    data = summed(one, (0, 1)).read()
    with pytest.raises(CustodyRefused):
        list(
            opened_values(
                [masks, lattice],
                one.seal,
                one.roster,
                checked_of(one, data),
                lambda: io.BytesIO(data),
            )
        )
    assert masks.custody.kinds() == ["custody-founded", "study-registered"]
