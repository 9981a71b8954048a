"""What a vote must show on made-up records before a real one is read.

Each teacher reads the records of its own units and no others; taking a unit away changes what one
teacher reads, and one teacher's votes alone, so the counts move by √(2·records) at most; the noise
is σ·C, centred, never there before, and another in each release; so is the split. It finds mistakes
of a recipe or of this engine. It cannot find intent: code of somebody's own that behaves otherwise
on real data is for a person to read and for the sandbox to hold.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.fusion.release import Noising
from securefed.adapters.opacus_training.fusion.teachers import (
    NO_VOTE,
    Chance,
    Parts,
    School,
    ballots,
    counted,
    opinions,
)
from securefed.adapters.opacus_training.noise import StepNoise
from securefed.adapters.opacus_training.self_test import Proof
from securefed.adapters.opacus_training.self_test.noise import measured_noise
from securefed.domain.fusion import Fusion
from securefed.domain.privacy import DpSgd
from securefed.errors import SelfTestFailed
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.files.source import Numbers
from securefed.recipes.public_records import ONE_EACH, public_columns
from securefed.recipes.recipe import Recipe
from securefed.recipes.records import Records

_TEACHERS: Final = 3
_UNITS: Final = 12
_QUERIES: Final = 8
_SEEDS: Final = (11, 12)
# A GPU need not add in the same order twice.
_ROUNDING: Final = 1e-4


@dataclass(frozen=True, kw_only=True)
class VoteClaim:
    """What is to be shown: a recipe's votes under a step's noise."""

    recipe: Recipe
    fusion: Fusion
    step: DpSgd
    device: torch.device


def proven_votes(claim: VoteClaim) -> Proof:
    """What was measured. Raises SelfTestFailed."""
    _refuse_old_chance(claim)
    fusion = replace(claim.fusion, teachers=_TEACHERS, epochs=1, records=_QUERIES)
    with TemporaryDirectory(prefix="securefed-") as name:
        trial = _Trial(replace(claim, fusion=fusion), Path(name))
        whole = trial.held(range(_UNITS))
        largest = max(trial.removal(whole, unit) for unit in (0, _UNITS - 1))
    if (whole.ballots == NO_VOTE).all():
        raise SelfTestFailed("On made-up records no teacher votes, so nothing can be shown")
    heard = _heard(claim)
    bound = math.sqrt(2 * _QUERIES)
    return Proof(
        engine="teachers",
        notice=None,
        largest_contribution=max(_norm(one, fusion) for one in whole.ballots) / bound,
        largest_removal=largest / bound,
        noise_variance=heard[0],
        noise_samples=heard[1],
    )


@dataclass(frozen=True, kw_only=True)
class _Held:
    """A vote: who read what, and what each teacher came to."""

    read: list[frozenset[int]]
    opinions: list[Tensor]

    @property
    def ballots(self) -> Tensor:
        """What they vote for."""
        return ballots(self.opinions)


class _Trial:
    """Votes of a few teachers on made-up records, with the same random words every time."""

    def __init__(self, claim: VoteClaim, folder: Path) -> None:
        self._claim = claim
        self._records = claim.recipe.mock(_UNITS, _SEEDS[0], folder)
        queries = claim.recipe.mock(_QUERIES, _SEEDS[1], folder)
        nobody = _Watched(self._records, claim.fusion)
        self._school = School.opened(claim.recipe, nobody, claim.fusion, queries, claim.device)
        self._words = np.random.default_rng(_SEEDS[0]).integers(0, 2**63, _UNITS, np.uint64)
        self._seeds = np.random.default_rng(_SEEDS[1]).integers(0, 2**63, _TEACHERS, np.uint64)

    def held(self, units: Iterable[int]) -> _Held:
        """The vote of these units."""
        numbers = list(units)
        source = _Watched(self._records.picked(numbers), self._claim.fusion)
        given = [self._seeds, self._words[numbers]]
        chance = Chance.drawn(len(numbers), _TEACHERS, lambda count: given.pop(0)[:count].copy())
        read: list[frozenset[int]] = []

        def next_teacher(_: int) -> None:
            read.append(frozenset(numbers[one] for one in source.taken))
            source.taken.clear()

        school = replace(self._school, source=source, on_teacher=next_teacher)
        found = list(opinions(school, chance))
        next_teacher(_TEACHERS)
        self._refuse_shared(read[1:], chance.parts, numbers)
        return _Held(read=read[1:], opinions=found)

    def removal(self, whole: _Held, unit: int) -> float:
        """How far the counts move where a unit is taken away."""
        less = self.held(one for one in range(_UNITS) if one != unit)
        without = [one - {unit} for one in whole.read]
        if less.read != without:
            raise SelfTestFailed("Taking one unit away gives other units another teacher")
        pairs = zip(whole.read, whole.opinions, less.opinions, strict=True)
        # Losses and not votes: what reaches a loss would reach a vote on other records.
        if not all(_alike(one, other) for read, one, other in pairs if unit not in read):
            raise SelfTestFailed("Taking one unit away changes what another teacher votes for")
        moved = _counts(whole.ballots, self._claim.fusion) - _counts(
            less.ballots, self._claim.fusion
        )
        distance = float(moved.norm())
        if distance > math.sqrt(2 * _QUERIES):
            raise SelfTestFailed(f"Taking one unit away moves the counts by {distance:.3g}")
        return distance

    def _refuse_shared(self, read: list[frozenset[int]], parts: Parts, numbers: list[int]) -> None:
        wanted = [
            frozenset(numbers[unit] for unit in np.flatnonzero(parts == one))
            for one in range(_TEACHERS)
        ]
        if read != wanted:
            raise SelfTestFailed("A teacher does not read the records of its own units alone")


class _Watched(MemorySource):
    """Records that say who was read."""

    def __init__(self, records: Records, fusion: Fusion) -> None:
        super().__init__(records, public_columns(fusion), ONE_EACH)
        self.taken: list[int] = []

    def take(self, numbers: Numbers) -> Records:
        """These records, noted."""
        self.taken += numbers.tolist()
        return super().take(numbers)


class _AsReleased(StepNoise):
    """A release as noise of a step, so that it is tested as it leaves."""

    def __init__(self, noised: Callable[[Tensor], Tensor]) -> None:
        self._noised = noised

    def add_to(self, parameters: Iterable[nn.Parameter]) -> None:
        """What a release adds."""
        for one in parameters:
            if one.grad is not None:
                one.grad = self._noised(one.grad)


def _heard(claim: VoteClaim) -> tuple[float, int]:
    noising = Noising.fresh(claim.fusion, claim.step, _UNITS)
    shape = (claim.fusion.records, len(claim.fusion.classes))
    box = nn.Parameter(torch.zeros(shape, dtype=torch.float64))
    deviation = float(claim.step.noise_multiplier * claim.step.clip)
    heard = measured_noise(_AsReleased(noising.noised), [box], deviation)
    return heard.variance, heard.samples


def _refuse_old_chance(claim: VoteClaim) -> None:
    """Two releases, and two splits, that are drawn alike are not drawn at all."""
    noise = [Noising.fresh(claim.fusion, claim.step, _UNITS) for _ in range(2)]
    first, second = (one.noised(torch.zeros(2, 2, dtype=torch.float64)) for one in noise)
    if bool((first == second).any()):
        raise SelfTestFailed("Two releases are given the same noise")
    split = [Chance.fresh(_UNITS, claim.fusion.teachers) for _ in range(2)]
    if set(split[0].seeds) & set(split[1].seeds):
        raise SelfTestFailed("Two votes split their units alike")


def _alike(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=_ROUNDING, atol=_ROUNDING, equal_nan=True)


def _counts(ballots: Tensor, fusion: Fusion) -> Tensor:
    return counted(ballots, len(fusion.classes))


def _norm(ballot: Tensor, fusion: Fusion) -> float:
    return float(_counts(ballot.unsqueeze(0), fusion).norm())
