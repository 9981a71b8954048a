"""A stated ε that is lower than what the numbers amount to."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from securefed.domain.lint.case import Case, Setting, charge, times
from securefed.domain.lint.facts import Known, Made, Protection, Quantity, Remark
from securefed.domain.lint.mistakes.mistake import claim, plain
from securefed.domain.lint.mistakes.rounds import EngineRecreated, RoundsAsEpochs, passes_per_round
from securefed.domain.lint.verdict import Charge, Claim, Doubt, Found, Mistake
from securefed.domain.privacy import PrivacyLoss

# Two accountants differ by this much on the same work; a figure printed to two digits by more.
_CLOSE = Decimal("0.02")


@dataclass(frozen=True)
class EpsilonTooLow:
    """ε is stated for less than what is run."""

    kind: ClassVar[str] = "epsilon-too-low"
    explanation: ClassVar[str] = (
        "The stated ε is lower than what the noise, the sampling and the number of steps "
        "amount to. Either some steps are not counted, or another δ or adjacency is meant: "
        "say which."
    )

    def check(self, case: Case) -> list[Found]:
        """Where a stated ε can be compared with what is run."""
        targets = [one for one in case.facts.protections if one.made is Made.TARGET]
        found = [self._target(case, one) for one in targets]
        return [*[one for one in found if one is not None], *self._stated(case)]

    def _target(self, case: Case, one: Protection) -> Mistake | None:
        if passes_per_round(one.epochs) == 1:
            return None
        setting = case.setting(one)
        run = setting.steps if _counts_one_round(case, one) else setting.total
        meant = setting.target_steps
        if not (isinstance(run, Known) and isinstance(meant, Known)) or run.number <= meant.number:
            return None
        return Mistake(
            kind=self.kind,
            line=one.line,
            what=(
                f"The noise is chosen for {plain(meant.number)} steps, "
                f"and {plain(run.number)} are run"
            ),
            claimed=claim("as chosen", setting, meant),
            honest=claim("as run", setting, run),
        )

    def _stated(self, case: Case) -> list[Found]:
        epsilon, protections = case.declared.epsilon, case.facts.protections
        if epsilon is None or len(protections) > 1:
            return []
        if case.script is None and case.declared.accounting == "per-round":
            return []
        setting = case.setting(protections[0] if protections else None)
        honest = claim("all steps", setting, setting.total)
        if not honest.charges:
            what = f"whether ε = {plain(epsilon)} is right"
            return [Remark(line=None, what=what, declare=" and ".join(honest.missing))]
        return [Doubt(stated=epsilon, honest=honest, guesses=tuple(_guesses(setting)))]


def settled(
    doubt: Doubt, honest: PrivacyLoss, guesses: tuple[tuple[str, Claim, PrivacyLoss], ...]
) -> Mistake | None:
    """The mistake that a stated ε is, by the figure that it agrees with; None if it is none."""
    if doubt.stated >= honest.epsilon * (1 - _CLOSE):
        return None
    for kind, words, loss in guesses:
        if any(_is_close(doubt.stated, one) for one in (loss.epsilon, loss.upper_bound)):
            what = f"ε is stated as {plain(doubt.stated)}, which is what this costs: {words.words}"
            return Mistake(kind=kind, line=None, what=what, claimed=words, honest=doubt.honest)
    return Mistake(
        kind=EpsilonTooLow.kind,
        line=None,
        what=f"ε is stated as {plain(doubt.stated)}",
        claimed=Claim(words=f"ε = {plain(doubt.stated)}, as stated"),
        honest=doubt.honest,
    )


def _guesses(setting: Setting) -> list[tuple[str, Claim]]:
    """The mistakes that a low ε may come from, with what they would count."""
    counted = [
        (EngineRecreated.kind, "one round", setting.steps),
        (RoundsAsEpochs.kind, "one pass for each round", times(setting.rounds, setting.batches)),
        (RoundsAsEpochs.kind, "one step for each round", setting.rounds),
    ]
    found: list[tuple[str, Claim]] = []
    for kind, words, steps in counted:
        one = charge(setting, steps)
        if isinstance(one, Charge) and steps != setting.total:
            found.append((kind, claim(words, setting, steps)))
    return found


def _is_close(left: Decimal, right: Decimal) -> bool:
    return right.is_finite() and abs(left - right) <= right * _CLOSE


def _counts_one_round(case: Case, one: Protection) -> bool:
    """Whether the noise is chosen anew in each round: the rounds are another mistake's concern."""
    engines = [engine for engine in case.facts.engines if engine.key == one.engine]
    return any(engine.every_round and not engine.restored for engine in engines) and not (
        one.epochs.power(Quantity.ROUNDS)
    )
