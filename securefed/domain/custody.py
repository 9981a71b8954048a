"""What a custodian has logged, and what it may therefore still do: its state, and its one rule.

The rule is that a round is opened once. Whoever asks for the same sum again gets the same answer;
another sum, roster or attempt of that round is refused, because two sums that differ by one site
subtract to that site. Only where an opening failed, and nothing was given out, another attempt may
follow. A round belongs to one key: the newest whose first round it has reached.

Events are checked before they change anything, at the first time and at every replay, so a log in
which a round was opened twice does not replay.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, TypeAlias

from securefed.domain.identifiers import Digest, Line, Name, PublicKey, SiteId, StudyId
from securefed.domain.key_card import Holds, KeyCard, Registration, SignedCard
from securefed.domain.ledger import EMPTY, Head, Verify
from securefed.domain.numbers import count
from securefed.errors import AlreadyExists, CustodyRefused, LedgerBroken, NotFound

# Every try answers a question about the key, so there are few.
MOST_ATTEMPTS = 16


@dataclass(frozen=True, kw_only=True)
class CustodyFounded:
    """The first entry: the custodian, its key, and which kind of key it keeps for studies."""

    kind: ClassVar[str] = "custody-founded"
    custodian: Name
    key: PublicKey
    holds: Holds

    def told(self) -> str:
        """The event for people."""
        return f"{self.custodian} begins; it keeps {self.holds} keys"


@dataclass(frozen=True, kw_only=True)
class StudyRegistered:
    """A study was agreed to, and its first key made and published."""

    kind: ClassVar[str] = "study-registered"
    registration: Registration
    made: SignedCard

    def told(self) -> str:
        """The event for people."""
        return f"{self.registration.study} registered; key 1 made and published"


@dataclass(frozen=True, kw_only=True)
class StudyKeyRotated:
    """A study has another key, from a later round on."""

    kind: ClassVar[str] = "study-key-rotated"
    made: SignedCard

    def told(self) -> str:
        """The event for people."""
        card = self.made.card
        return f"{card.study}: key {card.number} made and published, from round {card.first_round}"


@dataclass(frozen=True, kw_only=True)
class StudyKeysDestroyed:
    """A study ended: nothing of it is opened any more, and its key files are removed."""

    kind: ClassVar[str] = "study-keys-destroyed"
    study: StudyId
    reason: Line

    def told(self) -> str:
        """The event for people."""
        return f"{self.study}: all keys destroyed: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One attempt at a round of a study."""

    study: StudyId
    round: int
    attempt: int

    def __post_init__(self) -> None:
        count("round", self.round)
        count("attempt", self.attempt, most=MOST_ATTEMPTS)

    def __str__(self) -> str:
        return f"{self.study}, round {self.round}, attempt {self.attempt}"


@dataclass(frozen=True, kw_only=True)
class RoundOpened:
    """A sum was checked and is being opened. The entry is on the disk before anything is."""

    kind: ClassVar[str] = "round-opened"
    turn: Turn
    seal: Digest
    roster: Digest
    sum: Digest
    sites: tuple[SiteId, ...]

    def told(self) -> str:
        """The event for people."""
        return f"{self.turn}: opened the sum of {len(self.sites)} sites"


@dataclass(frozen=True, kw_only=True)
class OpeningFailed:
    """The sum that was logged did not open, and nothing was given out."""

    kind: ClassVar[str] = "opening-failed"
    turn: Turn
    sum: Digest
    cause: Name

    def told(self) -> str:
        """The event for people."""
        return f"{self.turn}: did not open: {self.cause}"


@dataclass(frozen=True, kw_only=True)
class OpeningRefused:
    """The coordinator asked for what is not opened; logged once a round and cause."""

    kind: ClassVar[str] = "opening-refused"
    turn: Turn
    cause: Name

    def told(self) -> str:
        """The event for people."""
        return f"{self.turn}: refused: {self.cause}"


@dataclass(frozen=True, kw_only=True)
class CanaryTried:
    """A canary's sum is being compared with what was expected of it. Nothing else leaves."""

    kind: ClassVar[str] = "canary-tried"
    turn: Turn
    sum: Digest
    expected: Digest

    def told(self) -> str:
        """The event for people."""
        return f"{self.turn}: tried a canary"


CustodyEvent: TypeAlias = (
    CustodyFounded
    | StudyRegistered
    | StudyKeyRotated
    | StudyKeysDestroyed
    | RoundOpened
    | OpeningFailed
    | OpeningRefused
    | CanaryTried
)


@dataclass
class StudyCustody:
    """One study at a custodian."""

    registration: Registration
    cards: list[SignedCard]
    opened: dict[int, RoundOpened] = field(default_factory=dict)
    failed: set[Turn] = field(default_factory=set)
    refused: set[tuple[int, Name]] = field(default_factory=set)
    canaries: dict[Turn, CanaryTried] = field(default_factory=dict)
    destroyed: bool = False

    def card_for(self, round_number: int) -> SignedCard:
        """The one key that a round belongs to."""
        fitting = [one for one in self.cards if one.card.first_round <= round_number]
        if not fitting:
            raise CustodyRefused(f"No key of {self.registration.study} is for round {round_number}")
        return fitting[-1]


class CustodyRegister:
    """A custodian's state."""

    def __init__(self, verify: Verify) -> None:
        self.verify = verify
        self.head: Head = EMPTY
        self.last_at: datetime | None = None
        self.founded: CustodyFounded | None = None
        self.studies: dict[StudyId, StudyCustody] = {}

    @property
    def custodian(self) -> CustodyFounded:
        """Who the custodian is; a log without its first entry is nobody's."""
        if self.founded is None:
            raise LedgerBroken("The log has no first entry")
        return self.founded

    def study(self, study: StudyId) -> StudyCustody:
        """A study whose keys are here; refuses one whose keys were destroyed."""
        if study not in self.studies:
            raise NotFound(f"This custodian has no study {study}")
        if self.studies[study].destroyed:
            raise CustodyRefused(f"The keys of {study} were destroyed")
        return self.studies[study]

    def has(self, event: CustodyEvent) -> bool:
        """Whether the event is one that was logged already and is not logged twice."""
        if not isinstance(event, RoundOpened | OpeningFailed | OpeningRefused | CanaryTried):
            return False
        study, turn = self.study(event.turn.study), event.turn
        match event:
            case RoundOpened():
                return study.opened.get(turn.round) == event and turn not in study.failed
            case OpeningFailed():
                return turn in study.failed
            case OpeningRefused():
                return (turn.round, event.cause) in study.refused
            case CanaryTried():
                return study.canaries.get(turn) == event

    def act(self, event: CustodyEvent) -> None:
        """What an event does; refuses one that does not fit, and then changes nothing."""
        match event:
            case CustodyFounded():
                self.founded = event
            case StudyRegistered():
                self._register(event)
            case StudyKeyRotated():
                self._rotate(event.made)
            case StudyKeysDestroyed():
                self.study(event.study).destroyed = True
            case RoundOpened():
                self._open(event)
            case OpeningFailed():
                self._fail(event)
            case OpeningRefused():
                study = self.study(event.turn.study)
                study.refused.add((event.turn.round, event.cause))
            case CanaryTried():
                self._try(event)

    def _register(self, event: StudyRegistered) -> None:
        study = event.registration.study
        if study in self.studies:
            raise AlreadyExists(f"{study} was registered here before")
        self._check_card(event.made, study, number=1)
        fitting = self.custodian.holds.suites
        if other := [one for one in event.registration.suites if one not in fitting]:
            raise CustodyRefused(f"A {self.custodian.holds} custodian has no part in {other[0]}")
        self.studies[study] = StudyCustody(registration=event.registration, cards=[event.made])

    def _rotate(self, made: SignedCard) -> None:
        study = self.study(made.card.study)
        newest = study.cards[-1].card
        self._check_card(made, made.card.study, number=newest.number + 1)
        begun = max([newest.first_round, *study.opened], default=0)
        if made.card.first_round <= begun:
            raise CustodyRefused(f"Round {begun} has its key already; rotate from a later one")
        study.cards.append(made)

    def _check_card(self, made: SignedCard, study: StudyId, number: int) -> None:
        card: KeyCard = made.check(self.custodian.key, self.verify)
        mine = (self.custodian.custodian, self.custodian.holds, study, number)
        if (card.custodian, card.holds, card.study, card.number) != mine:
            raise LedgerBroken(f"A key card of {study} is not this custodian's next one")

    def _open(self, event: RoundOpened) -> None:
        study = self.study(event.turn.study)
        before = study.opened.get(event.turn.round)
        if event.turn in study.failed:
            raise CustodyRefused(f"Attempt {event.turn.attempt} of the round did not open")
        if before is not None and before.turn not in study.failed:
            raise CustodyRefused(f"Round {event.turn.round} was opened, with another sum or roster")
        if len(event.sites) < study.registration.quorum:
            raise CustodyRefused("The sum was below the study's quorum")
        study.opened[event.turn.round] = event

    def _fail(self, event: OpeningFailed) -> None:
        study = self.study(event.turn.study)
        opened = study.opened.get(event.turn.round)
        if opened is None or (opened.turn, opened.sum) != (event.turn, event.sum):
            raise CustodyRefused("What failed is not what was being opened")
        study.failed.add(event.turn)

    def _try(self, event: CanaryTried) -> None:
        study = self.study(event.turn.study)
        if event.turn in study.canaries:
            raise CustodyRefused("This attempt had another canary before")
        study.canaries[event.turn] = event
