"""The custodian: one process with the keys of studies. It opens complete sums, each round once.

It holds its signing key, its log and the secret keys; it sees sealed sums, never a site's update,
and under masks not even what a sum says. It trusts its owner's registration and nothing that a peer
states. Keys are made here, published as signed cards, rotated and destroyed, each with an entry in
the log; they leave this object for no other.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

from securefed.aggregation.chunks import Words
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.custody import (
    CustodyFounded,
    StudyCustody,
    StudyKeyRotated,
    StudyKeysDestroyed,
    StudyRegistered,
)
from securefed.domain.identifiers import Digest, ExchangeKey, Line, Signature, StudyId
from securefed.domain.key_card import Holds, KeyCard, Registration, SignedCard
from securefed.domain.ledger import Verify
from securefed.domain.update import Roster, Seal
from securefed.domain.witnessing import KeyedNote, Witnessed
from securefed.errors import SecurefedError
from securefed.parties.witness import PartyWitness
from securefed.ports import Signer
from securefed.steps.keep_custody import CustodyLog
from securefed.steps.open_round import Asked, Opening, StudyKey, open_round, prove_canary


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """A key that was just made, on its way into its files."""

    holds: Digest | ExchangeKey
    secret: bytes
    public: bytes

    def __repr__(self) -> str:
        return f"NewKey({self.holds})"


class KeyCabinet(Protocol):
    """Where a custodian's secret keys lie."""

    def keep(self, card: KeyCard, secret: bytes, public: bytes) -> None:
        """Writes a new key down."""
        ...

    def public(self, card: KeyCard) -> bytes:
        """A lattice key's public half."""
        ...

    def check(self, cards: list[KeyCard]) -> None:
        """Refuses where a key is missing, or others could have read it."""
        ...

    def discard(self, card: KeyCard) -> None:
        """Removes a key that was not published."""
        ...

    def destroy(self, study: StudyId) -> int:
        """Removes every key of a study; says how many there were."""
        ...


@dataclass(frozen=True, kw_only=True)
class CustodianParty:
    """A custodian at work."""

    log: CustodyLog
    signer: Signer
    verify: Verify
    cabinet: KeyCabinet
    make: Callable[[Holds], NewKey]
    load: Callable[[KeyCard], StudyKey]
    witnessing: PartyWitness

    def found(self, holds: Holds) -> None:
        """Begins the log."""
        custodian, key = self.log.custodian, self.signer.key
        self.log.record(CustodyFounded(custodian=custodian, key=key, holds=holds))

    def check(self) -> None:
        """Refuses to start where the log does not verify or a key is unsafe. Finishes removing the
        keys of a study whose end is logged, which a crash may have interrupted."""
        for name, study in self.log.register().studies.items():
            if study.destroyed:
                self.cabinet.destroy(name)
            else:
                self.cabinet.check([one.card for one in study.cards])

    def register_study(self, registration: Registration, until: datetime) -> SignedCard:
        """Agrees to a study, and makes and publishes its first key."""
        return self._published(
            registration.study,
            1,
            1,
            until,
            lambda made: StudyRegistered(registration=registration, made=made),
        )

    def rotate(self, study: StudyId, first_round: int, until: datetime) -> SignedCard:
        """Another key for a study, from a round on. Earlier rounds keep theirs."""
        number = self.log.register().study(study).cards[-1].card.number + 1
        return self._published(
            study, number, first_round, until, lambda made: StudyKeyRotated(made=made)
        )

    def destroy(self, study: StudyId, reason: Line) -> int:
        """Ends a study: logged first, so that nothing is opened any more, then removed."""
        self.log.record(StudyKeysDestroyed(study=study, reason=reason))
        return self.cabinet.destroy(study)

    def open(self, seal: Seal, roster: Roster, file: BinaryIO) -> Iterator[Words]:
        """A round's words, once it is checked and logged. Give none out before the last is made."""
        return open_round(self._opening, Asked(seal=seal, roster=roster, file=file))

    def prove(self, seal: Seal, roster: Roster, file: BinaryIO, expected: Digest) -> bool:
        """Whether a canary opens to what is expected of it."""
        return prove_canary(self._opening, Asked(seal=seal, roster=roster, file=file), expected)

    def study(self, study: StudyId) -> StudyCustody:
        """What is registered and logged of a study."""
        return self.log.register().study(study)

    def public_key(self, study: StudyId) -> bytes:
        """The newest public lattice key, which its card names by digest."""
        return self.cabinet.public(self.study(study).cards[-1].card)

    def checkpoint(self) -> Checkpoint:
        """The log's head, signed."""
        return self.log.checkpoint()

    def sign(self, data: bytes) -> Signature:
        """The custodian's signature, under its answers."""
        return self.signer.sign(data)

    def witness(self, notes: tuple[KeyedNote, ...]) -> Witnessed:
        """Others' checkpoints with its signature, and its own newest one."""
        return self.witnessing.ask(notes)

    @property
    def _opening(self) -> Opening:
        return Opening(log=self.log, verify=self.verify, key=self.load)

    def _published(
        self,
        study: StudyId,
        number: int,
        first_round: int,
        until: datetime,
        event: Callable[[SignedCard], StudyRegistered | StudyKeyRotated],
    ) -> SignedCard:
        holds = self.log.register().custodian.holds
        key = self.make(holds)
        card = KeyCard(
            custodian=self.log.custodian,
            signer=self.signer.key,
            study=study,
            number=number,
            first_round=first_round,
            lattice=key.holds if isinstance(key.holds, Digest) else None,
            mask=key.holds if isinstance(key.holds, ExchangeKey) else None,
            until=until,
        )
        made = SignedCard(card=card, signature=self.signer.sign(card.signed))
        self.cabinet.keep(card, key.secret, key.public)
        try:
            self.log.record(event(made))
        except SecurefedError:
            if not self._is_logged(made):
                self.cabinet.discard(card)
            raise
        return made

    def _is_logged(self, made: SignedCard) -> bool:
        study = self.log.register().studies.get(made.card.study)
        return study is not None and made in study.cards
