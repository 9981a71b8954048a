"""What a coordinator's self-test looks for, and which key of a custodian is for a round."""

import dataclasses
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from securefed.adapters.custodian_http.client import CustodianClient
from securefed.adapters.masking.exchange import MaskKey, new_mask_key
from securefed.adapters.masking.study_key import MaskStudyKey
from securefed.adapters.memory_round import MemoryFiles
from securefed.adapters.tenseal_sealing.bfv import BfvOpener
from securefed.adapters.tenseal_sealing.keys import OpeningKey
from securefed.adapters.this_machine.secrets import HeldSecrets
from securefed.domain.identifiers import Name
from securefed.domain.key_card import KeyCard, SignedCard
from securefed.domain.study import Suite
from securefed.errors import (
    CustodianOverdue,
    CustodianUnreachable,
    CustodyRefused,
    SealForeign,
)
from securefed.steps.await_custodian import Waiting
from securefed.wiring import gather as wiring_gather
from securefed.wiring.gather import SealedRounds, parcel
from securefed.wiring.seal import new_sealers
from tests.adapters.sealing.parties import COORDINATOR, opening_key
from tests.aggregation.round_of_sites import LAYOUT, roster, seal, site
from tests.patience import Patient
from tests.world import World

NAME = Name("registry")
SEALED = seal(roster(3), suite=Suite.BFV_MASK, key=opening_key().public.digest)


class Client:
    """A custodian that publishes one key after the other."""

    def __init__(self, *first_rounds: int) -> None:
        self.first_rounds = first_rounds
        self.given = opening_key().public.to_bytes()
        self.asked = self.away = 0

    def signed_cards(self, _study: object) -> tuple[SignedCard, ...]:
        self._expect_here()
        return tuple(
            SignedCard(card=self.card(number, first), signature=COORDINATOR.sign(b"card"))
            for number, first in enumerate(self.first_rounds, 1)
        )

    def card(self, number: int, first: int) -> KeyCard:
        return KeyCard(
            custodian=Name("registry"),
            signer=COORDINATOR.key,
            study=SEALED.study,
            number=number,
            first_round=first,
            lattice=SEALED.key,
            mask=None,
            until=datetime(2027, 1, 1, tzinfo=UTC),
        )

    def public_key(self, _study: object) -> bytes:
        self.asked += 1
        self._expect_here()
        return self.given

    def _expect_here(self) -> None:
        if self.away:
            self.away -= 1
            raise CustodianUnreachable("Nobody answers")


def rounds(folder: Path, client: Client) -> SealedRounds:
    return SealedRounds(
        study=World().whole_study(),
        layout=LAYOUT,
        roster=lambda _: roster(3),
        signer=COORDINATOR,
        custodians={NAME: cast(CustodianClient, client)},
        folder=folder,
    )


def never() -> Waiting:
    """For custodians that are here."""
    return Patient().waiting


def test_a_custodian_that_is_away_is_asked_for_its_keys_again(tmp_path: Path) -> None:
    client, patient = Client(1), Patient()
    holders = [(NAME, client, client.signed_cards(None)[0])]
    client.away = 2
    found = rounds(tmp_path, client)._lattice(SEALED, holders, patient.waiting)
    assert found is not None
    assert (client.asked, patient.pauses) == (3, [1, 1])
    client.away = 99
    with pytest.raises(CustodianOverdue, match="registry was awaited"):
        rounds(tmp_path, client).gather(1, MemoryFiles(), patient.waiting)


def test_every_kind_of_private_key_is_looked_for() -> None:
    kinds = wiring_gather._secret_kinds(SEALED)
    assert set(kinds) == {OpeningKey, BfvOpener, MaskKey, MaskStudyKey}
    held = new_mask_key()
    assert "MaskKey" in HeldSecrets(kinds).found()
    del held
    masked = dataclasses.replace(SEALED, suite=Suite.MASK, key=None)
    assert set(wiring_gather._secret_kinds(masked)) == {MaskKey, MaskStudyKey}


def test_a_round_has_the_newest_key_that_is_for_it(tmp_path: Path) -> None:
    client = Client(1, 4, 9)
    found = [rounds(tmp_path, client)._card(client, number).card.number for number in (1, 3, 4, 9)]
    assert found == [1, 1, 2, 3]
    with pytest.raises(CustodyRefused, match="is for round 2"):
        rounds(tmp_path, client)._card(Client(3), 2)


def test_a_lattice_key_is_fetched_once_and_is_the_one_that_was_published(tmp_path: Path) -> None:
    client = Client(1)
    holders = [(NAME, client, client.signed_cards(None)[0])]
    found = [rounds(tmp_path, client)._lattice(SEALED, holders, never()) for _ in range(2)]
    assert found[0] == found[1]
    assert found[0] is not None
    assert found[0].path.read_bytes() == client.given
    assert client.asked == 1
    (other := tmp_path / "other").mkdir()
    client.given = client.given[8:16] + client.given[:8] + client.given[16:]
    with pytest.raises(SealForeign, match="lattice key"):
        rounds(other, client)._lattice(SEALED, holders, never())
    assert list(other.iterdir()) == []


@pytest.mark.parametrize("suite", [Suite.BFV, Suite.BFV_MASK, Suite.MASK])
def test_a_sealer_is_what_the_suite_says(suite: Suite) -> None:
    wanted = seal(roster(3), suite=suite, key=opening_key().public.digest)
    lattice = opening_key().public.to_bytes() if wanted.encrypted else None
    made = [new_sealers(wanted, lattice)(wanted, site(1)) for _ in range(2)]
    assert [len(one.masks) for one in made] == [len(wanted.custodians)] * 2
    assert (made[0].once is None) == (not wanted.masked)
    assert wanted.masked == (made[0].once != made[1].once)


def test_a_file_for_sites_is_named_by_its_bytes(tmp_path: Path) -> None:
    made = parcel(tmp_path / "code", b"print()")
    assert made.digest == "sha256:" + hashlib.sha256(b"print()").hexdigest()
    assert (made.length, made.path.read_bytes()) == (7, b"print()")
