"""The composition root of a round's collecting at the coordinator: under a seal, or without one.

Of a round that was announced before, the announcement in its files counts, whoever can be reached
now. Sealing loads TenSEAL, and only where the suite encrypts.
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from securefed.adapters.ed25519_keys import Ed25519Signer, verify
from securefed.adapters.this_machine import SystemEntropy
from securefed.domain.collection import Announced
from securefed.domain.errand import Attempt, Protection
from securefed.domain.identifiers import Digest, Name
from securefed.domain.key_card import SignedCard
from securefed.domain.records import from_bytes
from securefed.domain.seal_terms import announce
from securefed.domain.study import Study
from securefed.domain.update import Roster, Seal
from securefed.errors import CustodyRefused, SealForeign, StorageFailed
from securefed.parties.coordinator import CoordinatorParty, Equipment
from securefed.parties.study_tools import Gathered
from securefed.ports import RoundFiles, Signer
from securefed.steps.await_custodian import Awaited, Waiting
from securefed.steps.gather_plain import PlainCollecting, PlainRound
from securefed.steps.make_canary import Sealing
from securefed.steps.prove_protection import Tools
from securefed.steps.round_names import AttemptNames
from securefed.steps.visit_site import Parcel
from securefed.wiring.seal import new_sealers

if TYPE_CHECKING:
    from securefed.adapters.custodian_http.client import CustodianClient
    from securefed.aggregation.adding import NewAdder

A = TypeVar("A", Announced, PlainRound)
Gather = Callable[[int, RoundFiles, Waiting], Gathered]
# A custodian by the name that the federation's file gives it, and its key for a round.
Holder: TypeAlias = "tuple[Name, CustodianClient, SignedCard]"
_LARGEST = 1 << 21
_MOST_WORKERS = 8


def plain_gather(study: Study, layout: Digest, roster: Callable[[int], Roster]) -> Gather:
    """Rounds whose updates are noised and not sealed."""

    def gather(number: int, files: RoundFiles, _waiting: Waiting) -> Gathered:
        before = _announced(files, PlainRound)
        about = before or PlainRound(
            study=study.study,
            round=number,
            roster=roster(number),
            layout=layout,
            parameters=study.model.parameters,
        )
        gathering = PlainCollecting(files, about)
        return Gathered(gathering=gathering, protection=None, lattice=None, closed=False)

    return gather


@dataclass(frozen=True, kw_only=True)
class SealedRounds:
    """Rounds whose updates are sealed, and opened as a sum by custodians, who are awaited. `folder`
    is for the lattice key's file."""

    study: Study
    layout: Digest
    roster: Callable[[int], Roster]
    signer: Signer
    custodians: Mapping[Name, "CustodianClient"]
    folder: Path

    def gather(self, number: int, files: RoundFiles, waiting: Waiting) -> Gathered:
        """Announces a round and proves its protection; the same again after a restart."""
        holders = [
            (name, client, waiting.ask(name, partial(self._card, client, number)))
            for name, client in self.custodians.items()
        ]
        cards = tuple(card for *_, card in holders)
        announced = _announced(files, Announced) or announce(
            self.study, Attempt(round=number, attempt=1), self.roster(number), cards, self.layout
        )
        lattice = self._lattice(announced.seal, holders, waiting)
        equipment = self._equipment(announced, holders, lattice, waiting)
        party = CoordinatorParty(files, announced, equipment)
        protection = Protection(
            announced=announced,
            proof=party.prove(),
            cards=cards,
            lattice=None if lattice is None else lattice.digest,
        )
        protection.proof.proof.expect_passed(announced.seal)
        return Gathered(
            gathering=party, protection=protection, lattice=lattice, closed=party.state.closed
        )

    def _card(self, client: "CustodianClient", number: int) -> SignedCard:
        """The key that is for this round: one for later rounds changes nothing of what sites were
        told."""
        published = client.signed_cards(self.study.study)
        fitting = [one for one in published if one.card.first_round <= number]
        if not fitting:
            raise CustodyRefused(f"No key of {self.study.study} is for round {number}")
        return max(fitting, key=lambda one: one.card.number)

    def _lattice(self, seal: Seal, holders: Sequence[Holder], waiting: Waiting) -> Parcel | None:
        """The lattice key's file, if it is the one that the seal names."""
        if seal.key is None:
            return None
        from securefed.adapters.tenseal_sealing.keys import EncryptionKey

        path = self.folder / seal.key.removeprefix("sha256:")
        for name, client, signed in holders:
            if signed.card.lattice == seal.key:
                if path.exists():
                    return parcel(path, path.read_bytes())
                data = waiting.ask(name, partial(client.public_key, self.study.study))
                if EncryptionKey.from_bytes(data).digest == seal.key:
                    return parcel(path, data)
        raise SealForeign("No custodian gives out the lattice key that the round names")

    def _equipment(
        self,
        announced: Announced,
        holders: Sequence[Holder],
        lattice: Parcel | None,
        waiting: Waiting,
    ) -> Equipment:
        from securefed.adapters.custodian_http.client import StudyCustodian
        from securefed.adapters.this_machine.secrets import HeldSecrets
        from securefed.adapters.worker_processes import SpawnedWorkers

        sealing = Sealing(
            new_sealer=new_sealers(
                announced.seal, None if lattice is None else lattice.path.read_bytes()
            ),
            new_adder=_adder(announced.seal),
            new_signer=lambda: Ed25519Signer(SystemEntropy().token()),
            verify=verify,
        )
        tools = Tools(
            sealing=sealing,
            custodians=[
                Awaited(StudyCustodian(client, signed.card), name, waiting)
                for name, client, signed in holders
            ],
            secrets=HeldSecrets(_secret_kinds(announced.seal)),
            signer=self.signer,
        )
        workers = SpawnedWorkers(min(os.cpu_count() or 1, _MOST_WORKERS))
        return Equipment(tools=tools, workers=workers)


def _adder(seal: Seal) -> "NewAdder":
    if seal.encrypted:
        from securefed.adapters.tenseal_sealing.adding import BfvAdder

        return BfvAdder
    from securefed.aggregation.plain_words import WordAdder

    return WordAdder


def _secret_kinds(seal: Seal) -> tuple[type[object], ...]:
    """The private keys that no coordinator has. Where nothing encrypts, TenSEAL is not loaded."""
    from securefed.adapters.masking.exchange import MaskKey
    from securefed.adapters.masking.study_key import MaskStudyKey

    if not seal.encrypted:
        return (MaskKey, MaskStudyKey)
    from securefed.adapters.tenseal_sealing.bfv import BfvOpener
    from securefed.adapters.tenseal_sealing.keys import OpeningKey

    return (BfvOpener, MaskKey, MaskStudyKey, OpeningKey)


def _announced(files: RoundFiles, wanted: type[A]) -> A | None:
    name = AttemptNames(1).announced
    if name not in files.names():
        return None
    with files.opener(name)() as file:
        return from_bytes(wanted, file.read(_LARGEST))


def parcel(path: Path, data: bytes) -> Parcel:
    """Bytes for the sites, in a file."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(path)) from error
    return Parcel(digest=sha256_of(data), length=len(data), path=path)


def sha256_of(data: bytes) -> Digest:
    """What names bytes that are brought to a site."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())
