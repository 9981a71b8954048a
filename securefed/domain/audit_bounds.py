"""Lower bounds on a privacy loss, from how many canaries of one run were guessed right.

Each canary is in the training by a fair coin of its own. Whoever sees what was released names some
as in, some as out, and is right more often than a private mechanism allows, or not. Promises that a
true claim is refuted with at most the stated chance, whatever the guesses were made from; that a
claim is not refuted shows little, since these bounds lie far below the true loss. It says nothing
about data on which a mechanism behaves otherwise.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

# Of a total of chances: far more than sums of floats are wrong by, far less than any level.
_ROUNDING = 1e-12
_HALVINGS = 40


@dataclass(frozen=True, kw_only=True)
class Guesses:
    """So many guesses about `canaries` canaries, of which so many were right."""

    canaries: int
    made: int
    right: int

    def __post_init__(self) -> None:
        if not 0 <= self.right <= self.made <= self.canaries:
            raise ValueError(f"{self} is impossible")


def guessed(inside: Sequence[float], outside: Sequence[float], made: int) -> Guesses:
    """The half with the highest scores is called in, the half with the lowest out.

    `inside` and `outside` are the scores of canaries that were in and out."""
    ranked = sorted([(score, True) for score in inside] + [(score, False) for score in outside])
    half = made // 2
    low, high = ranked[:half], ranked[len(ranked) - half :]
    right = sum(not there for _, there in low) + sum(there for _, there in high)
    return Guesses(canaries=len(ranked), made=2 * half, right=right)


def binomial_chance(successes: int, trials: int, chance: float) -> float:
    """The chance of exactly so many."""
    if not 0 <= successes <= trials:
        return 0.0
    if chance in (0.0, 1.0):
        return float(successes == trials * chance)
    ways = math.lgamma(trials + 1) - math.lgamma(successes + 1)
    ways -= math.lgamma(trials - successes + 1)
    return math.exp(
        ways + successes * math.log(chance) + (trials - successes) * math.log1p(-chance)
    )


def at_least(successes: int, trials: int, chance: float) -> float:
    """The chance of so many or more."""
    return min(
        1.0,
        math.fsum(
            binomial_chance(one, trials, chance) for one in range(max(successes, 0), trials + 1)
        ),
    )


def share_bounds(successes: int, trials: int, level: float) -> tuple[float, float]:
    """Both ends of the interval of Clopper and Pearson: each is wrong with half the level."""
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} of {trials} is impossible")
    low = _boundary(lambda share: at_least(successes, trials, share) <= level / 2, 0.0, 1.0)
    fails = trials - successes
    high = 1 - _boundary(lambda share: at_least(fails, trials, share) <= level / 2, 0.0, 1.0)
    return (low if successes else 0.0), (high if fails else 1.0)


def one_run_chance(seen: Guesses, epsilon: float, delta: float) -> float:
    """At most the chance of so many right guesses where the mechanism is (ε, δ)-private.

    Steinke, Nasr and Jagielski 2023 (arXiv 2305.08846), Theorem 5.2."""
    lucky = 1 / (1 + math.exp(-epsilon))
    below, slack = 0.0, 0.0
    for step in range(1, seen.right + 1):
        below += binomial_chance(seen.right - step, seen.made, lucky)
        slack = max(slack, below / step)
    return min(1.0, at_least(seen.right, seen.made, lucky) + 2 * seen.canaries * delta * slack)


def one_run_bound(several: Sequence[Guesses], delta: float, level: float) -> float:
    """An ε that the mechanism exceeds at δ, or zero; wrong with at most this chance.

    Whoever guesses in several ways and takes the best pays for each: the level is shared."""
    each = level / len(several)

    def refuted(epsilon: float) -> bool:
        return any(one_run_chance(one, epsilon, delta) <= each for one in several)

    return _boundary(refuted, 0.0, 50.0)


@dataclass(frozen=True, kw_only=True)
class TradeOff:
    """What a mechanism claims: it is (ε, δ)-private for each of these pairs, both ways.

    Fewer pairs claim less, and δs that are rounded up do too, so neither refutes a true claim."""

    pairs: tuple[tuple[float, float], ...]

    @cached_property
    def _lines(self) -> tuple[tuple[float, float], ...]:
        lines = [(0.0, 0.0)]
        for epsilon, delta in self.pairs:
            lines.append((math.exp(-epsilon), -delta * math.exp(-epsilon)))
            lines.append((math.exp(epsilon), 1 - delta - math.exp(epsilon)))
        return _envelope(sorted(lines))

    def least(self) -> Callable[[float], float]:
        """The least chance that an event keeps when a canary's coin falls the other way, by the
        chance that it had. To be asked with chances that do not fall."""
        lines, place = self._lines, 0

        def kept(chance: float) -> float:
            nonlocal place
            while place + 1 < len(lines) and _at(lines[place + 1], chance) >= _at(
                lines[place], chance
            ):
                place += 1
            return min(1.0, max(0.0, _at(lines[place], chance)))

        return kept


def refutes(seen: Guesses, claim: TradeOff, level: float) -> bool:
    """Whether so many right guesses have less than this chance under the claim.

    After Mahloujifar, Melis and Chaudhuri 2024 (arXiv 2410.22235). Let p(n) be the chance of n
    right of r guesses about m canaries. Take a canary that was guessed right, with i or more right
    in all, and turn its coin: the guess is wrong, with i-1 or more right. Over all canaries, and by
    the concavity of what a claim allows, `Σ_{n≥i} n p(n)/m` limits `Σ_{n≥i-1} (r-n) p(n)/m` from
    below. From `level` at `seen.right` downwards, this gives the least that the chances sum to;
    where that exceeds one, the level was too high. Nothing is lost by putting all of it on
    `seen.right`: each sum's lower limit only grows with those above it."""
    kept = claim.least()
    right = level * seen.right / seen.canaries
    wrong = level * (seen.made - seen.right) / seen.canaries
    most = seen.made / seen.canaries * (1 + _ROUNDING)
    for count in range(seen.right - 1, -1, -1):
        needed = kept(right)
        if needed <= wrong:
            return False  # and so for every smaller count
        right += count / (seen.made - count) * (needed - wrong)
        wrong = needed
        if right + wrong > most:
            return True
    return False


def any_refutes(several: Sequence[Guesses], claim: TradeOff, level: float) -> bool:
    """Whether one of several ways to guess refutes the claim; the level is shared among them."""
    return any(refutes(one, claim, level / len(several)) for one in several)


def _envelope(lines: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """The lines, by slope, that are highest somewhere."""
    kept: list[tuple[float, float]] = []
    for slope, height in lines:
        if kept and kept[-1][0] == slope:
            if kept[-1][1] >= height:
                continue
            kept.pop()
        while len(kept) > 1 and _crossing(kept[-2], (slope, height)) <= _crossing(
            kept[-2], kept[-1]
        ):
            kept.pop()
        kept.append((slope, height))
    return tuple(kept)


def _crossing(one: tuple[float, float], steeper: tuple[float, float]) -> float:
    return (one[1] - steeper[1]) / (steeper[0] - one[0])


def _at(line: tuple[float, float], place: float) -> float:
    return line[0] * place + line[1]


def _boundary(holds: Callable[[float], bool], low: float, high: float) -> float:
    """The largest value found up to which something holds, given that it ends holding once; `low`
    where it never does."""
    if not holds(low):
        return low
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low
