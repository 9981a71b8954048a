"""The choice of an accountant whose figures are not bounds."""

from dataclasses import dataclass
from typing import ClassVar

from securefed.domain.lint.case import Case
from securefed.domain.lint.facts import Flag, GdpChoice, Remark
from securefed.domain.lint.mistakes.mistake import claim
from securefed.domain.lint.verdict import Claim, Found, Mistake


@dataclass(frozen=True)
class GdpAccountant:
    """The Gaussian (GDP) accountant is used."""

    kind: ClassVar[str] = "gdp-accountant"
    explanation: ClassVar[str] = (
        "The GDP accountant is an approximation for very many steps, not a bound: its ε was "
        "measured 2 to 33 % too low, and 82 % for a single step. Given a history of several "
        "runs it uses the last one only. Use PRV, PLD or RDP."
    )

    def check(self, case: Case) -> list[Found]:
        """Where the accountant is chosen."""
        declared = case.declared.accountant
        if case.script is None:
            return [self._mistake(case, None)] if declared == "gdp" else []
        return [found for one in case.script.gdp for found in self._judge(case, one, declared)]

    def _judge(self, case: Case, choice: GdpChoice, declared: str | None) -> list[Found]:
        if choice.chosen is Flag.YES or declared == "gdp":
            return [self._mistake(case, choice.line)]
        if declared is not None:
            return []
        what = "which accountant is used: it is decided elsewhere"
        return [Remark(line=choice.line, what=what, declare="accountant")]

    def _mistake(self, case: Case, line: int | None) -> Mistake:
        protections = case.facts.protections
        setting = case.setting(protections[0] if protections else None)
        return Mistake(
            kind=self.kind,
            line=line,
            what="ε comes from the GDP accountant",
            claimed=Claim(words="what the GDP accountant says is not computed here"),
            honest=claim("all steps", setting, setting.total),
        )
