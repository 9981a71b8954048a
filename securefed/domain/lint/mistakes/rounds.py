"""Mistakes about how often the data is used: rounds, epochs, and runs that are not added up."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from securefed.domain.lint.case import Case, Setting, times
from securefed.domain.lint.facts import (
    Engine,
    HandCount,
    Known,
    Made,
    Protection,
    Quantity,
    Remark,
    Term,
    Unknown,
    Value,
)
from securefed.domain.lint.mistakes.mistake import claim, plain, shown_steps, unsettled
from securefed.domain.lint.verdict import Claim, Found, Mistake


@dataclass(frozen=True)
class EngineRecreated:
    """The engine is made anew each round, so its ε is that of one round."""

    kind: ClassVar[str] = "engine-recreated"
    explanation: ClassVar[str] = (
        "An engine counts the steps since it was created. One that is created in every round "
        "forgets the rounds before, and the ε that it shows is that of a single round. Create "
        "it once, or give its accountant the saved history."
    )

    def check(self, case: Case) -> list[Found]:
        """Where an engine is made anew."""
        if case.script is None:
            if case.declared.accounting != "per-round" or case.declared.rounds == 1:
                return []
            return [
                self._mistake(None, "ε is accounted for one round at a time", case.setting(None))
            ]
        rounds = case.rounds()
        if isinstance(rounds, Known) and rounds.number <= 1:
            return []
        return [
            found
            for engine in case.script.engines
            if engine.every_round and not engine.restored
            for found in self._judge(case, engine)
        ]

    def _judge(self, case: Case, engine: Engine) -> list[Found]:
        own = [
            one
            for one in case.facts.protections
            if one.engine in (engine.key, None) and one.made is not Made.OPTIMIZER
        ]
        readings = [
            one
            for one in case.facts.readings
            if one.engine in (engine.key, None) and not one.by_hand
        ]
        targets = [one for one in own if one.made is Made.TARGET]
        if targets and all(one.epochs.power(Quantity.ROUNDS) >= 1 for one in targets):
            return []
        if readings and all(one.summed for one in readings):
            return []
        if not readings and not targets and case.declared.accounting != "per-round":
            return self._unreported(case, engine) if own and not case.facts.counts else []
        reason = engine.every_round
        what = f"The engine is created once a round: {reason}"
        return [self._mistake(engine.line, what, case.setting(one)) for one in own]

    def _unreported(self, case: Case, engine: Engine) -> list[Found]:
        if case.declared.accounting == "whole":
            return []
        what = (
            "which ε is reported: the engine forgets each round, and this file reads no ε from it"
        )
        return [Remark(line=engine.line, what=what, declare="accounting=per-round or whole")]

    def _mistake(self, line: int | None, what: str, setting: Setting) -> Mistake:
        rounds = setting.rounds
        many = f"{plain(rounds.number)} rounds" if isinstance(rounds, Known) else "all rounds"
        return Mistake(
            kind=self.kind,
            line=line,
            what=what,
            claimed=claim("one round", setting, setting.steps),
            honest=claim(many, setting, setting.total),
        )


@dataclass(frozen=True)
class EpsilonNotAccumulated:
    """Several trainings use the same data, and each tells its own ε only."""

    kind: ClassVar[str] = "epsilon-not-accumulated"
    explanation: ClassVar[str] = (
        "Every training on the same records adds to what is known of them, also a trial whose "
        "model is thrown away. Engines do not know of each other. Account for all runs "
        "together."
    )

    def check(self, case: Case) -> list[Found]:
        """Where runs on the same data are not added up."""
        if not case.facts.readings or all(one.summed for one in case.facts.readings):
            return []
        again = [
            self._repeated(case, one) for one in case.facts.engines if one.repeated is not None
        ]
        return [*[one for one in again if one is not None], *self._beside(case)]

    def _repeated(self, case: Case, engine: Engine) -> Mistake | None:
        own = [one for one in case.facts.protections if one.engine == engine.key]
        once = isinstance(engine.repeats, Known) and engine.repeats.number <= 1
        if len(own) != 1 or once:
            return None
        setting = case.setting(own[0])
        return Mistake(
            kind=self.kind,
            line=engine.line,
            what=f"The loop at line {engine.repeated} trains again and again on the same data",
            claimed=claim("one run", setting, setting.total),
            honest=claim("all runs together", setting, times(engine.repeats, setting.total)),
        )

    def _beside(self, case: Case) -> list[Found]:
        found: list[Found] = []
        seen: dict[int, Protection] = {}
        for one in case.facts.protections:
            if one.data is None or one.engine is None:
                continue
            first = seen.setdefault(one.data, one)
            if first.engine != one.engine:
                setting = case.setting(one)
                what = f"This trains on the data of line {first.line} under another engine"
                mine = claim("this training", setting, setting.total)
                other = case.setting(first)
                both = _together(mine, claim("the other", other, other.total))
                found.append(
                    Mistake(kind=self.kind, line=one.line, what=what, claimed=mine, honest=both)
                )
        return found


@dataclass(frozen=True)
class RoundsAsEpochs:
    """Rounds were passed where passes over the data, or steps, are counted."""

    kind: ClassVar[str] = "rounds-as-epochs"
    explanation: ClassVar[str] = (
        "The accountant counts passes over the data, or single steps. A round is neither: it "
        "has as many steps as the sites run in it. Noise that is chosen for fewer steps than "
        "are run protects less than was asked for."
    )

    def check(self, case: Case) -> list[Found]:
        """Where rounds are counted in place of what is run in them."""
        targets = [one for one in case.facts.protections if one.made is Made.TARGET]
        return [
            *(found for one in targets for found in self._target(case, one)),
            *(found for one in case.facts.counts for found in self._count(case, one)),
        ]

    def _target(self, case: Case, one: Protection) -> list[Found]:
        if passes_per_round(one.epochs) != 1:
            return []
        work, setting = case.work_of(one), case.setting(one)
        if isinstance(setting.steps, Unknown):
            what = "whether a round is exactly one pass, as epochs=rounds needs"
            return unsettled(setting.steps, what, "local-epochs or local-steps", one.line)
        if work is not None and not work.every_round and not case.facts.federated:
            return []
        if work is not None and work.unit is Quantity.EPOCHS and _is_one(work.amount):
            return []
        if not isinstance(setting.batches, Known):
            return unsettled(
                setting.batches, "how many steps a pass has", "records and batch", one.line
            )
        if setting.steps.number <= setting.batches.number:
            return []
        what = (
            f"epochs counts rounds, of one pass or {plain(setting.batches.number)} steps each; "
            f"a round runs {shown_steps(int(setting.steps.number))}"
        )
        return [self._mistake(one.line, what, setting, setting.target_steps)]

    def _count(self, case: Case, count: HandCount) -> list[Found]:
        protections = case.facts.protections
        counted = passes_per_round(count.amount)
        if counted is None or len(protections) != 1:
            return []
        setting = case.setting(protections[0])
        if isinstance(setting.steps, Unknown):
            what = "whether a round is as much as this count says"
            return unsettled(setting.steps, what, "local-epochs or local-steps", count.line)
        one = setting.batches if count.unit is Quantity.EPOCHS else Known(number=Decimal(1))
        each = times(one, Known(number=counted))
        if isinstance(each, Unknown):
            return unsettled(each, "how many steps a pass has", "records and batch", count.line)
        if setting.steps.number <= each.number:
            return []
        what = (
            f"This counts {shown_steps(int(each.number))} for each round, "
            f"which runs {shown_steps(int(setting.steps.number))}"
        )
        return [self._mistake(count.line, what, setting, times(setting.rounds, each))]

    def _mistake(self, line: int, what: str, setting: Setting, counted: Value) -> Mistake:
        return Mistake(
            kind=self.kind,
            line=line,
            what=what,
            claimed=claim("as counted", setting, counted),
            honest=claim("as run", setting, setting.total),
        )


def _together(one: Claim, other: Claim) -> Claim:
    missing = tuple(dict.fromkeys([*one.missing, *other.missing]))
    charges = () if missing else (*one.charges, *other.charges)
    return Claim(words="both trainings together", charges=charges, missing=missing)


def passes_per_round(term: Term) -> Decimal | None:
    """The number with which rounds are multiplied; None where a term is something else."""
    if term.power(Quantity.ROUNDS) != 1 or len(term.powers) != 1:
        return None
    return term.factor


def _is_one(term: Term) -> bool:
    return isinstance(term.value, Known) and term.value.number == 1
