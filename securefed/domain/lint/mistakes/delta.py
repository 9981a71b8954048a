"""Mistakes about δ: not below one over the number of records, or taken from the number of
batches.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import ClassVar

from securefed.domain.lint.case import Case, Setting
from securefed.domain.lint.facts import Known, Protection, Quantity, Term, Value
from securefed.domain.lint.mistakes.mistake import claim, plain, stated, unsettled
from securefed.domain.lint.verdict import Found, Mistake

_SHARE = Decimal("0.1")


@dataclass(frozen=True)
class DeltaNotBelowOneOverN:
    """δ is at least 1/n."""

    kind: ClassVar[str] = "delta-not-below-one-over-n"
    explanation: ClassVar[str] = (
        "Publishing one random record whole satisfies δ = 1/n at any ε. So δ must lie well "
        "below one over the number of records; a tenth of it at most."
    )

    def check(self, case: Case) -> list[Found]:
        """Where δ is too large for the data."""
        return [found for one in _trainings(case) for found in self._judge(case, one)]

    def _judge(self, case: Case, one: Protection | None) -> list[Found]:
        term, setting = case.delta_of(one), case.setting(one)
        line = _line_of(term) or (one.line if one else None)
        if _is_from_batches(case, term):
            return []
        if _is_share_of(term, Quantity.RECORDS):
            what = "δ is one over the number of records, which is not below it"
            return [_mistake(self.kind, line, what, setting)]
        delta, records = setting.delta, setting.records
        if not isinstance(delta, Known):
            return [] if term.powers else unsettled(delta, "δ", "delta", line)
        if not isinstance(records, Known):
            what = f"whether δ = {stated(delta)} is below one over the number of records"
            return unsettled(records, what, "records", line)
        if delta.number * records.number < 1:
            return []
        limit = plain(1 / records.number)
        what = f"δ = {stated(delta)} with {stated(records)} records; 1/n is {limit}"
        return [_mistake(self.kind, line, what, setting)]


@dataclass(frozen=True)
class DeltaFromBatches:
    """δ is one over the number of batches."""

    kind: ClassVar[str] = "delta-from-batches"
    explanation: ClassVar[str] = (
        "The length of a data loader is its number of batches, not of records. One over it is "
        "larger than 1/n by the batch size, and at that δ a whole batch may be published."
    )

    def check(self, case: Case) -> list[Found]:
        """Where δ counts batches."""
        found: list[Found] = []
        for one in _trainings(case):
            term, setting = case.delta_of(one), case.setting(one)
            if _is_from_batches(case, term):
                what = f"δ is one over the number of batches: {stated(term.value)}"
                line = _line_of(term) or (one.line if one else None)
                found.append(_mistake(self.kind, line, what, setting))
        return found


def _mistake(kind: str, line: int | None, what: str, setting: Setting) -> Mistake:
    proper: Value = setting.delta
    words = "at a δ of a tenth of 1/n"
    if isinstance(setting.records, Known) and setting.records.number >= 1:
        proper = Known(number=_SHARE / setting.records.number)
        words = f"at δ = {plain(proper.number)}, a tenth of 1/n"
    honest = claim(words, replace(setting, delta=proper), setting.total)
    if not isinstance(setting.records, Known):
        missing = tuple(dict.fromkeys(("records", *honest.missing)))
        honest = replace(honest, charges=(), missing=missing)
    delta = setting.delta
    at = f"at δ = {plain(delta.number)}" if isinstance(delta, Known) else "at the δ of the script"
    return Mistake(
        kind=kind,
        line=line,
        what=what,
        claimed=claim(at, setting, setting.total),
        honest=honest,
    )


def _trainings(case: Case) -> list[Protection | None]:
    """One for each δ: trainings that share one are named once."""
    if case.script is None:
        return [None] if case.declared.delta is not None else []
    unique: dict[int | None, Protection] = {}
    for one in case.script.protections:
        unique.setdefault(_line_of(case.delta_of(one)), one)
    return list(unique.values())


def _is_from_batches(case: Case, term: Term) -> bool:
    if _is_share_of(term, Quantity.BATCHES):
        return True
    if case.script is not None or not isinstance(term.value, Known):
        return False
    batches, records = case.setting(None).batches, case.declared.records
    if not isinstance(batches, Known) or batches.number == records:
        return False
    return abs(term.value.number * batches.number - 1) < Decimal("0.005")


def _is_share_of(term: Term, quantity: Quantity) -> bool:
    """Whether a term is k/quantity with k of at least one."""
    if not term.exact or dict(term.powers) != {quantity: Decimal(-1)}:
        return False
    return term.factor is not None and term.factor >= 1


def _line_of(term: Term) -> int | None:
    return term.value.line
