"""Linting a training script, or declared numbers: read, recognise, then ask the accountant.

The script is parsed and never run. Every figure comes from the accountant that reports use; none of
the script's own numbers is taken for an ε.
"""

import ast
import warnings
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from securefed.domain.lint.case import Case
from securefed.domain.lint.declared import Declared
from securefed.domain.lint.facts import Remark
from securefed.domain.lint.mistakes import MISTAKES, AnyMistake
from securefed.domain.lint.mistakes.stated import settled
from securefed.domain.lint.notes import notes_on
from securefed.domain.lint.reading.script import facts_of
from securefed.domain.lint.totals import open_numbers, totals
from securefed.domain.lint.verdict import (
    Charge,
    Claim,
    Doubt,
    Figure,
    LintFinding,
    LintReport,
    Mistake,
    Target,
)
from securefed.domain.planning import Costs, PlannedRound, noise_for
from securefed.domain.privacy import DpSgd, Mechanism, PrivacyLoss, Sampling
from securefed.domain.renyi import best_epsilon
from securefed.errors import ScriptUnreadable
from securefed.ports import Accountant

LARGEST = 1_000_000
_ONE = Decimal(1)


def lint_file(path: Path, declared: Declared, accountant: Accountant) -> LintReport:
    """What a script's accounting amounts to."""
    facts = facts_of(parsed(_bytes_of(path), str(path)), str(path))
    return _Linting(accountant, str(path)).report(Case(script=facts, declared=declared))


def lint_declared(declared: Declared, accountant: Accountant) -> LintReport:
    """What declared numbers amount to."""
    return _Linting(accountant, "the declared numbers").report(Case(script=None, declared=declared))


def parsed(data: bytes, where: str) -> ast.Module:
    """A script's syntax tree; refuses what is not Python."""
    if len(data) > LARGEST:
        raise ScriptUnreadable(f"The file has more than {LARGEST:,} bytes", where=where)
    try:
        with warnings.catch_warnings():
            # A script's doubtful escapes are no concern of ours.
            warnings.simplefilter("ignore")
            return ast.parse(data)
    except SyntaxError as error:
        at = f"{where}:{error.lineno or 1}"
        raise ScriptUnreadable("The file is not Python", where=at) from error
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise ScriptUnreadable("The file is not Python that can be read", where=where) from error


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        what = f"The file cannot be read: {error.strerror}"
        raise ScriptUnreadable(what, where=str(path)) from error


@dataclass(frozen=True)
class _Linting:
    """One run of the linter."""

    accountant: Accountant
    subject: str

    def report(self, case: Case) -> LintReport:
        """Every finding, what is open, and what is worth knowing."""
        every = [one for rule in MISTAKES for one in rule.check(case)]
        mistakes = [one for one in every if isinstance(one, Mistake)]
        if not {one.kind for one in mistakes} & _ABOUT_STEPS:
            doubts = [self._settled(one) for one in every if isinstance(one, Doubt)]
            mistakes += [one for one in doubts if one is not None]
        places = {(one.kind, one.line, one.what): one for one in reversed(mistakes)}
        findings = tuple(self._finding(one) for one in reversed(places.values()))
        undecided = [one for one in every if isinstance(one, Remark)]
        remarks = [*undecided, *open_numbers(case)]
        named = {key for one in remarks for key in one.declare.split(" ")}
        lacking = [one for one in findings if set(one.honest.missing) - named]
        remarks += [_missing(one) for one in lacking]
        return LintReport(
            subject=self.subject,
            findings=findings,
            totals=() if findings or undecided else self._totals(case),
            undetermined=tuple(dict.fromkeys((*case.facts.remarks, *remarks))),
            notes=notes_on(case),
        )

    def _totals(self, case: Case) -> tuple[tuple[int | None, Figure], ...]:
        return tuple((line, self._figure(one)) for line, one in totals(case))

    def _finding(self, mistake: Mistake) -> LintFinding:
        return LintFinding(
            kind=mistake.kind,
            explanation=_BY_KIND[mistake.kind].explanation,
            where=self.subject if mistake.line is None else f"{self.subject}:{mistake.line}",
            what=mistake.what,
            claimed=self._figure(mistake.claimed),
            honest=self._figure(mistake.honest),
        )

    def _settled(self, doubt: Doubt) -> Mistake | None:
        honest = self._loss(doubt.honest.charges)
        losses = [(kind, one, self._loss(one.charges)) for kind, one in doubt.guesses]
        guesses = tuple((kind, one, loss) for kind, one, loss in losses if loss is not None)
        return None if honest is None else settled(doubt, honest, guesses)

    def _figure(self, claim: Claim) -> Figure:
        targets = [one.noise for one in claim.charges if isinstance(one.noise, Target)]
        loss = self._loss(claim.charges) if claim.charges else None
        unreached = claim.charges and loss is None
        return Figure(
            words=claim.words,
            noise=self._least_noise(targets[0]) if targets else None,
            loss=loss,
            unbounded=claim.unbounded,
            missing=("noise",) if unreached else claim.missing,
        )

    def _loss(self, charges: tuple[Charge, ...]) -> PrivacyLoss | None:
        mechanisms = [self._mechanism(one) for one in charges]
        known = tuple(one for one in mechanisms if one is not None)
        if len(known) < len(mechanisms):
            return None
        return self.accountant.loss(known, charges[0].delta)

    def _mechanism(self, charge: Charge) -> Mechanism | None:
        noise = charge.noise
        if isinstance(noise, Target):
            found = self._least_noise(noise)
            if found is None:
                return None
            noise = found
        return _dp_sgd(noise, charge.rate, charge.steps)

    def _least_noise(self, target: Target) -> Decimal | None:
        """The noise that a library would choose for a target: the least that costs no more."""
        one = PlannedRound(training=_dp_sgd(_ONE, target.rate, target.steps))

        costs = Costs(
            tight=lambda mechanisms: self.accountant.loss(mechanisms, target.delta).epsilon,
            quick=lambda mechanisms: best_epsilon(mechanisms, target.delta),
        )
        return noise_for(costs, one, 1, target.epsilon)


def _missing(finding: LintFinding) -> Remark:
    what = f"the honest figure of {finding.kind} at {finding.where}"
    return Remark(line=None, what=what, declare=" and ".join(finding.honest.missing))


def _dp_sgd(noise: Decimal, rate: Decimal, steps: int) -> DpSgd:
    return DpSgd(
        noise_multiplier=noise,
        sampling_rate=rate,
        sampling=Sampling.POISSON,
        steps=steps,
        # Noise is measured in clips, so the clip changes no figure.
        clip=_ONE,
    )


_BY_KIND: dict[str, AnyMistake] = {one.kind: one for one in MISTAKES}
_ABOUT_STEPS = {"engine-recreated", "rounds-as-epochs", "epsilon-not-accumulated"}
