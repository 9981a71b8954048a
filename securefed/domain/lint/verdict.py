"""What the linter finds: mistakes with the figures to compute, and what stays open.

A `Charge` says what an accountant is to be asked; a `Claim` is charges with words, or says that
there is no protection left, or what would have to be declared to know. Nothing here computes an
ε.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from securefed.domain.lint.facts import Remark
from securefed.domain.privacy import PrivacyLoss

_LEAST, _MOST = Decimal("1e-30"), Decimal("1e12")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Noise that was chosen so that a number of steps costs an ε."""

    epsilon: Decimal
    steps: int
    rate: Decimal
    delta: Decimal


Noise: TypeAlias = Decimal | Target


@dataclass(frozen=True, kw_only=True)
class Charge:
    """Steps of Poisson-sampled DP-SGD; with rate one, releases of Gaussian noise."""

    noise: Noise
    rate: Decimal
    steps: int
    delta: Decimal

    @property
    def unusable(self) -> tuple[str, ...]:
        """The keys whose numbers lie outside what an accountant takes."""
        noise = self.noise.epsilon if isinstance(self.noise, Target) else self.noise
        fits = {
            "noise": _LEAST <= noise <= _MOST,
            "batch": _LEAST <= self.rate <= 1,
            "steps": 1 <= self.steps <= _MOST,
            "delta": _LEAST <= self.delta < 1,
        }
        return tuple(key for key, fit in fits.items() if not fit)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One side of a mistake: what was claimed, or what is true."""

    words: str
    charges: tuple[Charge, ...] = ()
    unbounded: bool = False
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A mistake that was recognised, before its figures are computed."""

    kind: str
    line: int | None
    what: str
    claimed: Claim
    honest: Claim


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """A stated ε to compare with the honest one, and the mistakes that it may come from."""

    stated: Decimal
    honest: Claim
    guesses: tuple[tuple[str, Claim], ...]


Found: TypeAlias = Mistake | Remark | Doubt


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A claim with its loss, where there is one."""

    words: str
    noise: Decimal | None = None
    loss: PrivacyLoss | None = None
    unbounded: bool = False
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LintFinding:
    """A mistake with both figures."""

    kind: str
    explanation: str
    where: str
    what: str
    claimed: Figure
    honest: Figure


@dataclass(frozen=True, kw_only=True)
class LintReport:
    """Everything that the linter says about one script or one set of numbers."""

    subject: str
    findings: tuple[LintFinding, ...]
    # What each training costs in all; only where nothing is wrong with it.
    totals: tuple[tuple[int | None, Figure], ...]
    undetermined: tuple[Remark, ...]
    notes: tuple[Remark, ...]
