"""Noise that is not there: drawn from a fixed seed, or divided among sites whose weights differ."""

from dataclasses import dataclass, replace
from decimal import Context, Decimal
from typing import ClassVar

from securefed.domain.lint.case import Case, filled
from securefed.domain.lint.facts import (
    Adds,
    Flag,
    Known,
    Made,
    NoiseShare,
    Protection,
    Quantity,
    Remark,
    Seed,
    Term,
    Unknown,
)
from securefed.domain.lint.mistakes.mistake import claim, plain, stated, unbounded
from securefed.domain.lint.verdict import Charge, Claim, Found, Mistake

_ROOTS = Context(prec=28)


@dataclass(frozen=True)
class SeededNoise:
    """Noise comes from a generator whose state anybody can repeat."""

    kind: ClassVar[str] = "seeded-noise"
    explanation: ClassVar[str] = (
        "Opacus draws noise from torch's generator. Whoever knows its seed draws the same "
        "noise again and subtracts it: the clipped sum comes back to seven digits, and no ε "
        "holds. Seed before the model is built if you must, then call torch.seed(), or use "
        "secure_mode."
    )

    def check(self, case: Case) -> list[Found]:
        """Where the noise can be drawn again."""
        if case.script is None:
            if case.declared.seed != "fixed":
                return []
            return [self._mistake(case, None, None, "The noise comes from a fixed seed")]
        found: list[Found] = []
        for one in case.script.protections:
            if one.secure is not Flag.YES:
                seeds = case.script.seeds if one.generator is None else (one.generator,)
                found += [self._seeded(case, one, seed) for seed in seeds if _acts(case, seed)]
        return found

    def _seeded(self, case: Case, training: Protection, seed: Seed) -> Found:
        if seed.fixed is Flag.UNKNOWN and case.declared.seed is None:
            why = seed.value.why if isinstance(seed.value, Unknown) else ""
            what = f"whether the seed of the noise is fixed: {why}"
            return Remark(line=seed.line, what=what, declare="seed=fixed or random")
        to = f" to {stated(seed.value)}" if isinstance(seed.value, Known) else ""
        what = f"{seed.call} fixes the generator of the noise{to}"
        return self._mistake(case, training, seed.line, what)

    def _mistake(
        self, case: Case, training: Protection | None, line: int | None, what: str
    ) -> Mistake:
        setting = case.setting(training)
        return Mistake(
            kind=self.kind,
            line=line,
            what=what,
            claimed=claim("with noise that nobody knows", setting, setting.total),
            honest=unbounded("no protection against whoever knows the seed"),
        )


def _acts(case: Case, seed: Seed) -> bool:
    if seed.fixed is Flag.UNKNOWN:
        return case.declared.seed != "random"
    return seed.fixed is Flag.YES


@dataclass(frozen=True)
class NoiseDividedBySites:
    """Noise is divided by the number of sites, and the average is weighted."""

    kind: ClassVar[str] = "noise-divided-by-sites"
    explanation: ClassVar[str] = (
        "Noise that is divided by the number of sites fits an average in which all count the "
        "same. In an average that is weighted by records the largest site counts most, and "
        "the noise that it needs grows with its weight."
    )

    def check(self, case: Case) -> list[Found]:
        """Where noise is shared by heads and updates by weight."""
        if case.script is None:
            return self._declared(case)
        return [found for one in case.script.shares for found in self._judge(case, one)]

    def _declared(self, case: Case) -> list[Found]:
        by = {"sites": Decimal(-1), "root-sites": Decimal("-0.5")}.get(
            case.declared.noise_divided_by or ""
        )
        if by is None:
            return []
        term = Term(value=Unknown(why="declared"), powers=((Quantity.SITES, by),))
        noise = case.declared.noise
        known = None if noise is None else Known(number=noise, how="declared")
        adds = Adds.SERVER if by == -1 else Adds.SITE
        return self._judge(case, NoiseShare(line=0, term=term, stated=known, added_by=adds))

    def _judge(self, case: Case, share: NoiseShare) -> list[Found]:
        line, weights = share.line or None, _weights(case)
        signs = [one for one in case.facts.averaging if not one.even]
        adds = (
            Adds(case.declared.noise_added_by) if case.declared.noise_added_by else share.added_by
        )
        if not weights and not signs and case.facts.averaging:
            return []
        if not weights and not signs:
            what = "how updates are averaged: noise is divided by the number of sites"
            return [Remark(line=line, what=what, declare="weights")]
        if adds is None:
            what = "whether a site or the server adds this noise"
            return [Remark(line=line, what=what, declare="noise-added-by=site or server")]
        if not weights:
            signed = f"{signs[0].sign}, line {signs[0].line}"
            what = f"Noise is divided by the number of sites, and updates are weighted ({signed})"
            missing = Claim(words="the part of the noise that is there", missing=("weights",))
            return [self._mistake(line, what, Claim(words="the whole noise"), missing)]
        fraction = _fraction(weights, -share.term.power(Quantity.SITES), adds)
        if fraction >= Decimal("0.999"):
            return []
        most = plain(max(weights) / sum(weights))
        what = (
            f"Noise is divided among {len(weights)} sites of unequal weight, the largest {most}: "
            f"{fraction:.2f} of the stated noise is there"
        )
        return [self._mistake(line, what, *self._sides(case, share, fraction, adds))]

    def _sides(
        self, case: Case, share: NoiseShare, fraction: Decimal, adds: Adds
    ) -> tuple[Claim, Claim]:
        noise = share.stated or filled(Unknown(why=""), case.declared.noise)
        words = f"{fraction:.2f} of the noise"
        rounds, delta = case.rounds(), case.delta_of(None).value
        if adds is Adds.SITE and case.facts.protections:
            setting = case.setting(_trained(case))
            if isinstance(noise, Known):
                whole = replace(setting, noise=noise)
                part = replace(setting, noise=Known(number=noise.number * fraction))
                return (
                    claim("the stated noise", whole, setting.total),
                    claim(f"{words}, of the sum that all sites make", part, setting.total),
                )
        missing = [] if isinstance(noise, Known) else ["noise"]
        missing += [] if isinstance(rounds, Known) else ["rounds"]
        missing += [] if isinstance(delta, Known) else ["delta"]
        if not (
            isinstance(noise, Known) and isinstance(rounds, Known) and isinstance(delta, Known)
        ):
            return Claim(words="the stated noise"), Claim(words=words, missing=tuple(missing))
        whole_charge = Charge(
            noise=noise.number, rate=Decimal(1), steps=int(rounds.number), delta=delta.number
        )
        each = f"one release a round, {int(rounds.number):,} rounds, every site in each"
        return (
            Claim(words=f"the stated noise; {each}", charges=(whole_charge,)),
            Claim(words=words, charges=(replace(whole_charge, noise=noise.number * fraction),)),
        )

    def _mistake(self, line: int | None, what: str, claimed: Claim, honest: Claim) -> Mistake:
        return Mistake(kind=self.kind, line=line, what=what, claimed=claimed, honest=honest)


def _trained(case: Case) -> Protection:
    found = [one for one in case.facts.protections if one.made is not Made.TARGET]
    return (found or list(case.facts.protections))[0]


def _weights(case: Case) -> tuple[Decimal, ...]:
    if case.declared.weights:
        return case.declared.weights
    return next((one.weights for one in case.facts.averaging if one.weights), ())


def _fraction(weights: tuple[Decimal, ...], by: Decimal, adds: Adds) -> Decimal:
    """The noise of the average, in units of what its largest weight needs.

    A server that adds σC/n once gives 1/n. Sites that add σC/n^p each, before weighting, give
    √Σw²/n^p. The average changes by C·max w when one site's clipped part does."""
    total = sum(weights)
    shares = [one / total for one in weights]
    divisor = _ROOTS.power(Decimal(len(weights)), by)
    summed = (
        Decimal(1)
        if adds is Adds.SERVER
        else sum((one * one for one in shares), Decimal(0)).sqrt(_ROOTS)
    )
    return summed / divisor / max(shares)
