"""Checklists after published standards, and how each of their questions is answered.

A question is answered by claims of the register where they are evidenced, by what an owner attests,
or it is not covered. An attestation is somebody's word: who gave it and when is printed beside it,
and nothing here checks it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from securefed.domain.claims import ClaimRegister, Grounds, Source
from securefed.domain.identifiers import Line, Name, Sentence
from securefed.errors import ConfigInvalid


class Answered(StrEnum):
    """How a question is answered."""

    EVIDENCED = "evidenced"
    ATTESTED = "attested"
    NOT_COVERED = "not covered"


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question, the claims that answer it, and what to bear in mind."""

    question: Name
    asks: Sentence
    claims: tuple[Name, ...] = ()
    remark: str = ""


@dataclass(frozen=True, kw_only=True)
class Standard:
    """A checklist."""

    standard: Name
    title: Line
    source: Sentence
    questions: tuple[Question, ...]

    def __post_init__(self) -> None:
        names = [one.question for one in self.questions]
        if not names or len(set(names)) != len(names):
            raise ConfigInvalid(f"{self.title} has questions, and each stands once")


@dataclass(frozen=True, kw_only=True)
class Attestation:
    """An owner's answer to a question."""

    question: Name
    answer: Sentence
    by: Line
    on: date


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A question with its answer."""

    asks: str
    how: Answered
    says: str
    source: Source


def answers(
    standard: Standard,
    register: ClaimRegister,
    grounds: Grounds,
    attested: Mapping[str, Attestation],
) -> tuple[Answer, ...]:
    """Every question of a standard, answered or not."""
    return tuple(_answer(one, register, grounds, attested) for one in standard.questions)


def _answer(
    question: Question,
    register: ClaimRegister,
    grounds: Grounds,
    attested: Mapping[str, Attestation],
) -> Answer:
    said = [one for name in question.claims for one in register.stated(name, grounds)]
    word = attested.get(question.question)
    parts, how, source = [], Answered.NOT_COVERED, Source()
    if said and all(one.needed and one.evidenced for one in said):
        parts, how = [one.text for one in said], Answered.EVIDENCED
        for one in said:
            source = source.joined(one.source)
    if word is not None:
        parts.append(f"{word.by} attests on {word.on.isoformat()}: {word.answer}")
        if how is Answered.NOT_COVERED:
            how, source = Answered.ATTESTED, Source(how=f"the word of {word.by}")
    if question.remark:
        parts.append(question.remark)
    return Answer(asks=question.asks, how=how, says=" ".join(parts), source=source)
