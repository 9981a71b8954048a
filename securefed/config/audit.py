"""What an audit report is written with: the claim register, checklists, an owner's attestations.

The first two come with securefed, the third is the owner's own file. All of them are text for
people; only the names of conditions and of kinds of evidence mean something to the program.
"""

import json
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import Field, PlainValidator, ValidationError

from securefed.config.document import outline_of, read_document
from securefed.config.fields import (
    FreshSchema,
    LineText,
    NameText,
    Table,
    choice_schema,
    one_of,
    text_of,
    text_schema,
)
from securefed.config.problems import Problem, Unfit, problems_of, refused, said_of
from securefed.config.toml_file import FileUnfit, bounded_bytes
from securefed.domain.attack import AttackLine, AttackReport, Outcome
from securefed.domain.canonical import digest_of
from securefed.domain.claims import Claim, ClaimRegister, Condition, Needs
from securefed.domain.identifiers import Digest, Sentence
from securefed.domain.standards import Attestation, Question, Standard

SentenceText = Annotated[Sentence, PlainValidator(text_of(Sentence)), text_schema(Sentence)]
NeedsWord = Annotated[Needs, PlainValidator(one_of(Needs)), choice_schema(Needs)]
ConditionWord = Annotated[Condition, PlainValidator(one_of(Condition)), choice_schema(Condition)]


def _day(value: object) -> date:
    if type(value) is not date:
        raise Unfit("a day like 2026-11-21")
    return value


Day = Annotated[date, PlainValidator(_day), FreshSchema({"type": "string", "format": "date"})]


class ClaimTable(Table):
    """One sentence of the register."""

    claim: NameText = Field(description="The claim's name.")
    section: int = Field(description="The section that it stands in; 0 is page one.")
    says: SentenceText = Field(description="The sentence, with facts in braces.")
    about: SentenceText = Field(description="What it is about, for where evidence is missing.")
    heading: LineText | None = Field(default=None, description="What stands before it.")
    needs: list[NeedsWord] = Field(default=[], description="The kinds of evidence that it needs.")
    when: list[ConditionWord] = Field(default=[], description="When it is said at all.")


class ClaimsDocument(Table):
    """The claim register."""

    claim: list[ClaimTable] = Field(description="The claims.")


class QuestionTable(Table):
    """One question of a checklist."""

    question: NameText = Field(description="The question's name, which attestations give.")
    asks: SentenceText = Field(description="The question.")
    claims: list[NameText] = Field(default=[], description="The claims that answer it.")
    remark: SentenceText | None = Field(default=None, description="What to bear in mind.")


class StandardDocument(Table):
    """A checklist after a published standard."""

    standard: NameText = Field(description="The checklist's name.")
    title: LineText = Field(description="The standard.")
    source: SentenceText = Field(description="Where it is published, and what was taken from it.")
    question: list[QuestionTable] = Field(description="The questions.")


class AttestationTable(Table):
    """One answer of the owner's."""

    question: NameText = Field(description="The question's name in a checklist.")
    answer: SentenceText = Field(description="The answer, as it is printed.")
    by: LineText = Field(description="Who gives it.")
    on: Day = Field(description="On which day.")


class AttestationsDocument(Table):
    """What an owner attests."""

    attestation: list[AttestationTable] = Field(description="The answers.")


def load_claims(path: Path) -> ClaimRegister:
    """The claim register in a file."""
    document = read_document(path, ClaimsDocument)
    with said_of(path, {}):
        return ClaimRegister([_claim(one) for one in document.claim])


def load_standard(path: Path) -> Standard:
    """The checklist in a file."""
    document = read_document(path, StandardDocument)
    with said_of(path, {}):
        return Standard(
            standard=document.standard,
            title=document.title,
            source=document.source,
            questions=tuple(_question(one) for one in document.question),
        )


def load_attestations(path: Path, standards: Iterable[Standard]) -> dict[str, Attestation]:
    """An owner's answers, each to a question that a checklist has."""
    document = read_document(path, AttestationsDocument)
    known = {one.question for standard in standards for one in standard.questions}
    found: dict[str, Attestation] = {}
    for place, one in enumerate(document.attestation):
        key = f"attestation[{place}].question"
        if one.question not in known:
            raise refused(
                path, [Problem(key=key, expected="a question of a checklist", got=one.question)]
            )
        if one.question in found:
            raise refused(path, [Problem(key=key, expected="each question once", got=one.question)])
        found[one.question] = Attestation(
            question=one.question, answer=one.answer, by=one.by, on=one.on
        )
    return found


def _claim(one: ClaimTable) -> Claim:
    return Claim(
        claim=one.claim,
        section=one.section,
        says=one.says,
        about=one.about,
        heading=one.heading or "",
        needs=tuple(one.needs),
        when=tuple(one.when),
    )


def _question(one: QuestionTable) -> Question:
    return Question(
        question=one.question,
        asks=one.asks,
        claims=tuple(one.claims),
        remark=one.remark or "",
    )


# --- the result of an attack ---------------------------------------------------------------------


class _AttackLineTable(Table):
    tried: SentenceText
    outcome: Annotated[Outcome, PlainValidator(one_of(Outcome)), choice_schema(Outcome)]
    result: SentenceText
    shows: SentenceText
    cannot: SentenceText
    chance: str | None
    tests: int
    figures: dict[str, str]


class _AttackDocument(Table):
    format_version: int
    kind: str
    alarms: int
    false_alarm: str
    lines: list[_AttackLineTable]


def load_attack(path: Path) -> tuple[Digest, AttackReport]:
    """What `securefed audit attack --json` printed, and the file's digest."""
    try:
        data = bounded_bytes(path)
        document = _AttackDocument.model_validate(json.loads(data))
    except FileUnfit as unfit:
        raise refused(path, [Problem(key="", expected=unfit.expected, got=unfit.got)]) from unfit
    except ValidationError as error:
        raise refused(path, problems_of(error, outline_of(_AttackDocument))) from error
    except ValueError as error:
        raise refused(path, [Problem(key="", expected="JSON", got=str(error))]) from error
    if document.kind != "privacy-attack" or document.format_version != 1:
        expected = "the output of 'securefed audit attack --json'"
        raise refused(path, [Problem(key="kind", expected=expected, got=document.kind)])
    lines = tuple(
        AttackLine(
            tried=one.tried,
            outcome=one.outcome,
            result=one.result,
            shows=one.shows,
            cannot=one.cannot,
        )
        for one in document.lines
    )
    report = AttackReport(lines=lines, false_alarm=Decimal(0))
    return digest_of("privacy-attack", data), report
