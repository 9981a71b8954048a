"""Batches that are not Poisson samples, accounted as if they were."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from securefed.domain.lint.case import Case, Setting
from securefed.domain.lint.facts import Flag, Known, Made, Protection, Quantity, Remark, Work
from securefed.domain.lint.mistakes.mistake import claim, unbounded
from securefed.domain.lint.verdict import Charge, Claim, Found, Mistake


@dataclass(frozen=True)
class NotPoisson:
    """The accounting is for Poisson samples, and the batches are none."""

    kind: ClassVar[str] = "not-poisson"
    explanation: ClassVar[str] = (
        "The accountant's small ε rests on each record entering each batch by a coin of its "
        "own. Shuffled or ordered batches do not give that; their real ε was found to be up "
        "to ten times larger. What can be said of them counts no gain from sampling: one "
        "release a pass."
    )

    def check(self, case: Case) -> list[Found]:
        """Where batches are not drawn as they are accounted."""
        if case.script is None:
            if case.declared.sampling != "shuffle":
                return []
            return [self._mistake(None, "Batches are shuffled", case, None)]
        return [found for one in case.script.protections for found in self._judge(case, one)]

    def _judge(self, case: Case, one: Protection) -> list[Found]:
        if one.poisson is Flag.NO:
            what = "poisson_sampling=False keeps the loader's own batches, accounted as Poisson"
            return [self._mistake(one.line, what, case, one)]
        if one.made is not Made.OPTIMIZER and one.poisson is Flag.UNKNOWN:
            return self._decided_elsewhere(case, one)
        drawn = [work for work in case.facts.work if _is_own(case, one, work)]
        wrong = [work for work in drawn if _is_wrong(one, work)]
        return [self._mistake(work.line, _what(one), case, one) for work in wrong]

    def _decided_elsewhere(self, case: Case, one: Protection) -> list[Found]:
        if case.declared.sampling == "shuffle":
            return [self._mistake(one.line, "Batches are shuffled, as was declared", case, one)]
        if case.declared.sampling == "poisson":
            return []
        what = "whether the batches are Poisson samples: poisson_sampling is decided elsewhere"
        return [Remark(line=one.line, what=what, declare="sampling=poisson or shuffle")]

    def _mistake(self, line: int | None, what: str, case: Case, one: Protection | None) -> Mistake:
        setting = case.setting(one)
        return Mistake(
            kind=self.kind,
            line=line,
            what=what,
            claimed=claim("accounted as Poisson samples", setting, setting.total),
            honest=_without_sampling(setting, case, one),
        )


def _is_own(case: Case, one: Protection, work: Work) -> bool:
    if work.private is Flag.NO:
        return False
    keys = (work.returned_by, work.original_of)
    return one.key in keys or (keys == (None, None) and len(case.facts.protections) == 1)


def _is_wrong(one: Protection, work: Work) -> bool:
    if one.made is Made.OPTIMIZER:
        return not work.poisson and work.loader is not None
    return work.original_of == one.key and work.returned_by is None


def _what(one: Protection) -> str:
    if one.made is Made.OPTIMIZER:
        return "DPOptimizer steps on batches of a plain DataLoader, which are no Poisson samples"
    return (
        f"The loop draws from the loader that was given to {one.made} at line {one.line}, "
        "not from the one that it returned"
    )


def _without_sampling(setting: Setting, case: Case, one: Protection | None) -> Claim:
    """One Gaussian release for each pass: a record is in one batch of each pass over shuffled data.

    That is for a record that is replaced by an empty one."""
    words = "no gain from sampling; a record against an empty one, once a pass"
    whole = claim(words, setting, setting.total)
    work = None if one is None else case.work_of(one)
    if work is not None and work.unit is Quantity.STEPS:
        return unbounded("no figure: how often a record is drawn is not bounded")
    if not whole.charges or not isinstance(setting.batches, Known):
        return whole
    found = whole.charges[0]
    passes = (Decimal(found.steps) / setting.batches.number).to_integral_value("ROUND_CEILING")
    plain = Charge(noise=found.noise, rate=Decimal(1), steps=int(passes), delta=found.delta)
    times = "1 pass" if passes == 1 else f"{int(passes):,} passes"
    return Claim(words=f"{words}: {times}", charges=(plain,))
