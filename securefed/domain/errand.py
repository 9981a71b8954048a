"""What is asked of a site through an approved function, and what the site answers.

Every errand but `Witness` is about one attempt at one round; the request is the function's own, so
no errand names it. Both sides speak canonical JSON, and what is not one of these records is refused
whole. Answers hold names, digests, counts and tickets: never a weight, a value or a text of an
exception.

    errand = read_errand(text)          # Training(round=1, attempt=1, ...)
    text = answer_text(Standing(...))
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeAlias

from securefed.domain.collection import Announced
from securefed.domain.identifiers import Digest, Line, Name, Sentence
from securefed.domain.key_card import SignedCard
from securefed.domain.numbers import count
from securefed.domain.protection import SignedProof
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.round import RoundId
from securefed.domain.witnessing import Witness, Witnessed
from securefed.errors import (
    ErrandGarbled,
    NotCanonical,
    RecordInvalid,
    SecurefedError,
    all_errors,
)

LONGEST_WAIT_S = 5
MOST_AT_ONCE = 8
LONGEST_PART_MS = 1000 * 60 * 60 * 24 * 365


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """Which attempt at which round."""

    round: int
    attempt: int

    def __post_init__(self) -> None:
        count("round", self.round)
        count("attempt", self.attempt)


@dataclass(frozen=True, kw_only=True)
class Protection:
    """How an attempt is protected on its way: what is announced, proved, and for whose keys.

    `lattice` is the public lattice key's file, which is brought as a blob before."""

    announced: Announced
    proof: SignedProof
    cards: tuple[SignedCard, ...]
    lattice: Digest | None


@dataclass(frozen=True, kw_only=True)
class Deliver:
    """May a file of the attempt be brought? Answered with a ticket, or that it is there."""

    kind: ClassVar[str] = "deliver"
    of: Attempt
    blob: Digest
    length: int

    def __post_init__(self) -> None:
        count("bytes of a blob", self.length)


@dataclass(frozen=True, kw_only=True)
class Control:
    """A study's control variate, and the last round that moved it."""

    digest: Digest
    round: int

    def __post_init__(self) -> None:
        count("round of a control variate", self.round)


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train the attempt. The first round begins with the study's own weights and names none;
    `code` is the study's own code, where it has some; `control` is its control variate, once a
    round has moved it. All are brought as blobs before. Asked again in the same words, it is
    answered with where the attempt stands."""

    kind: ClassVar[str] = "train"
    of: Attempt
    weights: Digest | None
    code: Digest | None
    protection: Protection | None
    control: Control | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """Where does the attempt stand? With `wait_s` the answer comes when the attempt is over, or
    after so many seconds: a caller learns of the end at once, and need not ask again and again."""

    kind: ClassVar[str] = "report"
    of: Attempt
    wait_s: int = 0

    def __post_init__(self) -> None:
        count("seconds to wait", self.wait_s, least=0, most=LONGEST_WAIT_S)


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """A ticket for a file that the attempt released."""

    kind: ClassVar[str] = "fetch"
    of: Attempt
    file: Name


@dataclass(frozen=True, kw_only=True)
class Cancel:
    """End the attempt, if it has not ended."""

    kind: ClassVar[str] = "cancel"
    of: Attempt


One: TypeAlias = Deliver | Train | Report | Fetch | Cancel | Witness


@dataclass(frozen=True, kw_only=True)
class Several:
    """Some errands in one call, done in their order, each as if it came alone."""

    kind: ClassVar[str] = "several"
    errands: tuple[One, ...]

    def __post_init__(self) -> None:
        count("errands in one call", len(self.errands), most=MOST_AT_ONCE)
        waiting = sum(one.wait_s for one in self.errands if isinstance(one, Report))
        count("seconds to wait", waiting, least=0, most=LONGEST_WAIT_S)


Errand: TypeAlias = One | Several


class Phase(StrEnum):
    """How far an attempt is."""

    STARTING = "starting"
    TRAINING = "training"
    SEALING = "sealing"
    DONE = "done"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """Whether nothing more happens."""
        return self in (Phase.DONE, Phase.FAILED)


@dataclass(frozen=True, kw_only=True)
class Released:
    """A file that left the release gate."""

    file: Name
    digest: Digest
    length: int

    def __post_init__(self) -> None:
        count("bytes of a file", self.length)


@dataclass(frozen=True, kw_only=True)
class Spent:
    """The milliseconds that an attempt's parts took at its site, as the site says: until its run
    was ready, training, sealing, and laying files down. For people who look for what is slow;
    whoever asks often enough where an attempt stands can measure the same."""

    start: int = 0
    train: int = 0
    seal: int = 0
    upload: int = 0

    def __post_init__(self) -> None:
        for one in (self.start, self.train, self.seal, self.upload):
            count("milliseconds", one, least=0, most=LONGEST_PART_MS)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where an attempt stands. `ticket` is the digest of its run token, as in the ledger; `cause`
    is the code of the error that ended it. `spent` is known of what ended since the site began to
    serve."""

    kind: ClassVar[str] = "standing"
    id: RoundId
    ticket: Digest
    phase: Phase
    step: int
    steps: int
    cause: Name | None
    released: tuple[Released, ...]
    spent: Spent | None = None

    def __post_init__(self) -> None:
        count("steps", self.steps)
        count("step", self.step, least=0, most=self.steps)


@dataclass(frozen=True, kw_only=True)
class Ticketed:
    """A ticket for the blob channel, as it is shown there; none where the file is there already."""

    kind: ClassVar[str] = "ticketed"
    ticket: Sentence | None


@dataclass(frozen=True, kw_only=True)
class Declined:
    """The errand was refused, with an error's code and its words."""

    kind: ClassVar[str] = "declined"
    code: Name
    what: Sentence
    where: Line | None


OneAnswer: TypeAlias = Standing | Ticketed | Witnessed | Declined


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What became of several errands, in their order."""

    kind: ClassVar[str] = "answers"
    answers: tuple[OneAnswer, ...]


Answer: TypeAlias = OneAnswer | Answers


@dataclass(frozen=True, kw_only=True)
class _Asked:
    errand: Errand


@dataclass(frozen=True, kw_only=True)
class _Answered:
    answer: Answer


def errand_text(errand: Errand) -> str:
    """An errand as it travels."""
    return to_bytes(_Asked(errand=errand)).decode("utf-8")


def answer_text(answer: Answer) -> str:
    """An answer as it travels."""
    return to_bytes(_Answered(answer=answer)).decode("utf-8")


def read_errand(text: str) -> Errand:
    """The errand in a text of somebody who is not trusted."""
    try:
        return from_bytes(_Asked, text.encode("utf-8")).errand
    except (RecordInvalid, NotCanonical, UnicodeEncodeError):
        raise ErrandGarbled("The call carries no errand that is known here") from None


def read_answer(text: str) -> Answer:
    """The answer in a text of a site."""
    try:
        return from_bytes(_Answered, text.encode("utf-8")).answer
    except (RecordInvalid, NotCanonical, UnicodeEncodeError):
        raise ErrandGarbled("The site's answer is none that is known here") from None


def declined(error: SecurefedError) -> Declined:
    """The answer for an error, whose words were written for people; cut where they are long."""
    what = "".join(one for one in " ".join(error.what.split()) if one.isprintable())
    where = "".join(one for one in " ".join(error.where.split()) if one.isprintable())
    return Declined(
        code=Name(error.code),
        what=Sentence(what[: Sentence.longest].strip() or error.code),
        where=Line(where[: Line.longest].strip()) if where.strip() else None,
    )


def error_of(answer: Declined, where: str) -> SecurefedError:
    """The error that a site declined with, under its own name, and where that was.

    A code that is not known here makes the whole answer one that is not known."""
    known = {error.code: error for error in all_errors()}
    if answer.code not in known:
        return ErrandGarbled("The site declined for a reason that is not known here", where=where)
    place = f"{where}: {answer.where}" if answer.where else where
    return known[answer.code](answer.what, where=place)
