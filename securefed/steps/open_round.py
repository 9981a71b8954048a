"""Opening a round at a custodian: check everything, log it, and only then use the key.

The order is the protection. The sum's file is read from its first byte to its last, with every
signature, against what the owner registered; what the key needs of the manifest is derived; the
opening is logged and on the disk; the first word is opened. Whoever asks for the same sum again
gets the same words, so a lost answer loses no round. What is refused to the study's coordinator is
logged as well. A canary goes the same way, and nothing leaves but whether it is what was expected.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol, TypeAlias

from securefed.aggregation.chunks import Words
from securefed.aggregation.opening import canary_digest, expect_canary, expect_round
from securefed.aggregation.sealed_file import CheckedSum, CheckPayload, check_sum
from securefed.aggregation.shape import shape_of
from securefed.domain.canonical import digest_of
from securefed.domain.custody import (
    MOST_ATTEMPTS,
    CanaryTried,
    OpeningFailed,
    OpeningRefused,
    RoundOpened,
    StudyCustody,
    Turn,
)
from securefed.domain.identifiers import Digest, Name
from securefed.domain.key_card import KeyCard
from securefed.domain.ledger import Verify
from securefed.domain.records import to_bytes
from securefed.domain.update import SUM_KIND, Roster, Seal, SealedSum
from securefed.errors import CustodyRefused, IntegrityError, PolicyError, SealInvalid
from securefed.steps.keep_custody import CustodyLog

OpenChunk: TypeAlias = Callable[[int, bytes], Words]


class StudyKey(Protocol):
    """A study's secret key at its custodian, in use."""

    def checker(self, seal: Seal) -> CheckPayload:
        """What refuses a payload that no sealer makes."""
        ...

    def opener(self, seal: Seal, complete: SealedSum) -> OpenChunk:
        """What opens a sum's chunks; refuses a manifest that it could not open, and opens nothing
        yet."""
        ...


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a coordinator asks a custodian for: a sum's file, and what it is announced to be."""

    seal: Seal
    roster: Roster
    file: BinaryIO

    @property
    def turn(self) -> Turn:
        """Which attempt at which round."""
        if self.seal.attempt > MOST_ATTEMPTS:
            raise CustodyRefused(f"A round has at most {MOST_ATTEMPTS} attempts")
        return Turn(study=self.seal.study, round=self.seal.round, attempt=self.seal.attempt)


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What opening works with."""

    log: CustodyLog
    verify: Verify
    key: Callable[[KeyCard], StudyKey]


def open_round(opening: Opening, asked: Asked) -> Iterator[Words]:
    """The words of a round's sum, or the sum of its masks, chunk by chunk."""
    try:
        expect_round(asked.seal)
        checked, open_chunk = _checked(opening, asked, canary=False)
        event = _opened(asked, checked)
        opening.log.record(event)
    except (PolicyError, IntegrityError) as error:
        _note_refusal(opening, asked, error.code)
        raise
    return _words(opening, asked, checked, open_chunk, event)


def prove_canary(opening: Opening, asked: Asked, expected: Digest) -> bool:
    """Whether a canary's sum opens to the words of this digest. A spoiled one does not."""
    expect_canary(asked.seal)
    checked, open_chunk = _checked(opening, asked, canary=True)
    tried = CanaryTried(turn=asked.turn, sum=sum_digest(checked.signed.sum), expected=expected)
    opening.log.record(tried)
    words = (open_chunk(index, payload) for index, payload in checked.chunks(asked.file))
    try:
        return canary_digest(words, shape_of(asked.seal).packing) == expected
    except SealInvalid:
        return False


def sum_digest(complete: SealedSum) -> Digest:
    """What the log names a sum by: its whole description, body and manifest."""
    return digest_of(SUM_KIND, to_bytes(complete))


def _checked(opening: Opening, asked: Asked, *, canary: bool) -> tuple[CheckedSum, OpenChunk]:
    study = opening.log.register().study(asked.seal.study)
    card = _agreed(opening, asked, study, canary=canary)
    key = opening.key(card)
    checked = check_sum(
        asked.file,
        asked.seal,
        asked.roster,
        study.registration.coordinator,
        opening.verify,
        key.checker(asked.seal),
    )
    return checked, key.opener(asked.seal, checked.signed.sum)


def _agreed(opening: Opening, asked: Asked, study: StudyCustody, *, canary: bool) -> KeyCard:
    """The key for what is asked, if it is within what the owner agreed to."""
    study.registration.expect(asked.seal, asked.roster)
    if canary:
        study.registration.expect_nobody(asked.roster)
    else:
        study.registration.expect_sites(asked.seal, asked.roster)
    card = study.card_for(asked.turn.round).card
    card.expect(asked.seal, opening.log.now())
    return card


def _opened(asked: Asked, checked: CheckedSum) -> RoundOpened:
    complete = checked.signed.sum
    return RoundOpened(
        turn=asked.turn,
        seal=asked.seal.digest,
        roster=asked.roster.digest,
        sum=sum_digest(complete),
        sites=complete.sites,
    )


def _words(
    opening: Opening, asked: Asked, checked: CheckedSum, open_chunk: OpenChunk, event: RoundOpened
) -> Iterator[Words]:
    try:
        for index, payload in checked.chunks(asked.file):
            yield open_chunk(index, payload)
    except IntegrityError as error:
        # Before anything was given out: whoever calls gives nothing out before the last chunk.
        failed = OpeningFailed(turn=event.turn, sum=event.sum, cause=Name(error.code))
        opening.log.record(failed)
        raise


def _note_refusal(opening: Opening, asked: Asked, cause: str) -> None:
    """Logs what was refused. The numbers are the coordinator's, so only those that can be count."""
    study = opening.log.register().studies.get(asked.seal.study)
    if study is None or study.destroyed:
        return
    if asked.seal.round <= study.registration.rounds and asked.seal.attempt <= MOST_ATTEMPTS:
        opening.log.record(OpeningRefused(turn=asked.turn, cause=Name(cause)))
