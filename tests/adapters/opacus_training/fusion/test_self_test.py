"""Planted bugs in a vote, each of which the run's own self-test finds before a record is read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from securefed.adapters.opacus_training.fusion import teachers
from securefed.adapters.opacus_training.fusion.release import Noising
from securefed.adapters.opacus_training.fusion.self_test import VoteClaim, proven_votes
from securefed.adapters.opacus_training.fusion.teachers import Parts
from securefed.adapters.opacus_training.mechanism import Numbers
from securefed.adapters.opacus_training.noise import StepNoise
from securefed.adapters.opacus_training.randomness.normals import NormalSource
from securefed.adapters.opacus_training.randomness.stream import Purpose, SeededKeyStream
from securefed.errors import SelfTestFailed
from securefed.recipes.files.units import Words
from securefed.recipes.recipe import Batch, Forward
from securefed.recipes.tabular.recipe import Tabular
from tests.adapters.opacus_training.fusion.voters import CPU, a_fusion, a_recipe, a_step

pytestmark = pytest.mark.slow


@pytest.fixture
def claim(tmp_path: Path) -> VoteClaim:
    fusion = a_fusion(tmp_path)
    return VoteClaim(recipe=a_recipe(), fusion=fusion, step=a_step(fusion), device=CPU)


def test_a_right_vote_passes_and_says_what_was_measured(claim: VoteClaim) -> None:
    proof = proven_votes(claim)
    assert proof.engine == "teachers"
    assert 0 < proof.largest_contribution <= 0.71
    assert proof.largest_removal <= 1
    assert proof.noise_samples >= 500
    assert abs(proof.noise_variance - 1) < 0.6


def unnoised(self: Noising, counts: Tensor) -> Tensor:
    return counts.clone()


def halved(self: Noising, counts: Tensor) -> Tensor:
    return counts + NOISED(self, torch.zeros_like(counts)) / 2


def without_a_cell(self: Noising, counts: Tensor) -> Tensor:
    found = NOISED(self, counts)
    found[0, 0] = counts[0, 0]
    return found


def shifted(self: Noising, counts: Tensor) -> Tensor:
    return counts + NOISED(self, torch.zeros_like(counts)).abs()


NOISED = Noising.noised


@pytest.mark.parametrize("bug", [unnoised, halved, without_a_cell, shifted])
def test_noise_that_is_missing_or_too_small_is_found(
    claim: VoteClaim, monkeypatch: pytest.MonkeyPatch, bug: Callable[[Noising, Tensor], Tensor]
) -> None:
    monkeypatch.setattr(Noising, "noised", bug)
    with pytest.raises(SelfTestFailed):
        proven_votes(claim)


def test_noise_from_a_seed_is_found(
    claim: VoteClaim, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    def seeded(self: Numbers) -> StepNoise:
        source = NormalSource(SeededKeyStream(Purpose.NOISE, 1, request), sum_of_four=True)
        return StepNoise(source, self.deviation)

    monkeypatch.setattr("securefed.adapters.opacus_training.mechanism.Numbers.step_noise", seeded)
    with pytest.raises(SelfTestFailed, match="same noise"):
        proven_votes(claim)


def test_a_split_from_a_seed_is_found(
    claim: VoteClaim, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    def fresh(cls: type[teachers.Chance], units: int, count: int) -> teachers.Chance:
        return cls.drawn(units, count, SeededKeyStream(Purpose.SAMPLING, 1, request).words)

    monkeypatch.setattr(teachers.Chance, "fresh", classmethod(fresh))
    with pytest.raises(SelfTestFailed, match="split their units alike"):
        proven_votes(claim)


def test_a_split_that_moves_other_units_is_found(
    claim: VoteClaim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shuffled into equal parts: fair, and every unit moves where one comes."""

    def shuffled(units: int, count: int, words: Words) -> Parts:
        return np.argsort(np.argsort(words(units))).astype(np.uint64) % np.uint64(count)

    monkeypatch.setattr(teachers, "parts_of", shuffled)
    with pytest.raises(SelfTestFailed, match="gives other units another teacher"):
        proven_votes(claim)


def test_a_unit_with_two_teachers_is_found(
    claim: VoteClaim, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overlapping(parts: Parts, teacher: int) -> object:
        return np.flatnonzero((parts == teacher) | (parts == teacher - 1))

    monkeypatch.setattr(teachers, "units_of", overlapping)
    with pytest.raises(SelfTestFailed, match="own units alone"):
        proven_votes(claim)


def test_a_unit_that_is_left_out_is_found(
    claim: VoteClaim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teachers, "units_of", lambda parts, one: np.flatnonzero(parts == one)[1:])
    with pytest.raises(SelfTestFailed, match="own units alone"):
        proven_votes(claim)


def test_teachers_that_go_on_from_one_another_are_found(
    claim: VoteClaim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copy.deepcopy", lambda model, _: model)
    with pytest.raises(SelfTestFailed, match="another teacher votes"):
        proven_votes(claim)


class _Rememberer(Tabular):
    """Its model starts each teacher where the last one's records have left it."""

    seen = 0.0

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        if torch.is_grad_enabled():
            _Rememberer.seen += float(batch["inputs"].sum())
        drift = _Rememberer.seen * (batch["wanted"].flatten() * 2 - 1)
        return super().losses(model, batch) + drift


def test_a_recipe_that_remembers_is_found(claim: VoteClaim) -> None:
    recipe = _Rememberer(claim.recipe.settings)
    with pytest.raises(SelfTestFailed, match="another teacher votes"):
        proven_votes(VoteClaim(recipe=recipe, fusion=claim.fusion, step=claim.step, device=CPU))


class _Broken(Tabular):
    """Its losses are no numbers."""

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        return super().losses(model, batch) * float("nan")


def test_a_vote_that_shows_nothing_is_refused(claim: VoteClaim) -> None:
    recipe = _Broken(claim.recipe.settings)
    with pytest.raises(SelfTestFailed, match="nothing can be shown"):
        proven_votes(VoteClaim(recipe=recipe, fusion=claim.fusion, step=claim.step, device=CPU))
