"""Answers from noised votes, and that a seal at its coarsest does not change them."""

import math
from decimal import Decimal

import numpy as np
import pytest

from securefed.aggregation.answers import answers_of, noise_of_mean
from securefed.aggregation.shape import shape_of
from securefed.aggregation.values import PackedUpdate, opened_average, site_scaling
from securefed.domain.privacy import DpSgd, Sampling
from securefed.domain.study import Suite
from tests.aggregation.round_of_sites import privatized, roster, seal, seeded, site
from tests.aggregation.test_values import summed

TEACHERS, RECORDS, SITES, SIGMA = 40, 50, 3, 18.0


def a_step(noise: str, clip: str) -> DpSgd:
    return DpSgd(
        noise_multiplier=Decimal(noise),
        sampling_rate=Decimal(1),
        sampling=Sampling.POISSON,
        steps=1,
        clip=Decimal(clip),
    )


def votes(seed: int) -> np.ndarray:
    """A site's noised counts, as they are rounded before they leave."""
    chance = np.random.default_rng(seed)
    ones = chance.binomial(TEACHERS, np.where(np.arange(RECORDS) % 2, 0.9, 0.1))
    counts = np.stack([TEACHERS - ones, ones], 1) + chance.normal(0, SIGMA, (RECORDS, 2))
    return (np.round(counts * 64) / 64).astype(np.float32).ravel()


def test_the_class_with_the_most_wins_and_leads_are_in_deviations() -> None:
    found = answers_of(np.array([5, 1, -2, 4, 3, 3], np.float32), 2, 2.0)
    assert found.labels.tolist()[:2] == [0, 1]
    assert found.leads == pytest.approx([4 / math.sqrt(8), 6 / math.sqrt(8), 0])
    assert found.clear == 1


def test_three_classes_lead_before_the_second() -> None:
    found = answers_of(np.array([1, 9, 6], np.float32), 3, 1.0)
    assert found.labels.tolist() == [1]
    assert found.leads == pytest.approx([3 / math.sqrt(2)])


def test_the_noise_of_a_mean_is_that_of_its_sites() -> None:
    alike = [a_step("1.8", "10")] * 3
    assert noise_of_mean(alike) == pytest.approx(18 / math.sqrt(3))
    assert noise_of_mean([a_step("3", "1"), a_step("4", "1")]) == pytest.approx(2.5)


def test_noise_alone_is_seldom_called_clear() -> None:
    chance = np.random.default_rng(0)
    nothing = chance.normal(0, 7, (10_000, 2)).astype(np.float32)
    # Of two classes the lead is a normal without its sign: beyond two deviations 4.6 % of it.
    assert answers_of(nothing.ravel(), 2, 7.0).clear / 10_000 == pytest.approx(0.0455, abs=0.008)


@pytest.mark.parametrize("suite", [Suite.BFV, Suite.BFV_MASK, Suite.MASK])
@pytest.mark.parametrize(("bits", "changed"), [(16, 0), (8, 2)])
def test_sealed_votes_open_to_the_same_answers(suite: Suite, bits: int, changed: int) -> None:
    """With 8 bits a step of the grid is 1.2 votes, or a fifteenth of the noise."""
    announced = roster(SITES)
    wanted = {"bits": bits, "parameters": 2 * RECORDS}
    bounds = {"bound": Decimal(1500), "reach": Decimal(150)}
    made = seal(announced, suite=suite, **wanted, **bounds)
    shape = shape_of(made)
    total, plain = np.zeros(shape.slots(0), np.uint64), np.zeros(2 * RECORDS)
    for number in range(SITES):
        values = votes(number)
        scaling = site_scaling(privatized(values), made, announced, site(number))
        packed = PackedUpdate(privatized(values), values, made, scaling, seeded(number))
        [words] = packed.words()
        assert packed.saturated == 0
        total += words
        plain += values / SITES
    opened = opened_average(total, 0, made, announced, summed(range(SITES), 1))
    noise = SIGMA / math.sqrt(SITES)
    before, after = (answers_of(one.astype(np.float32), 2, noise).labels for one in (plain, opened))
    assert np.count_nonzero(before != after) <= changed
    step = 150 / ((1 << (bits - 1)) - 1)
    assert np.abs(plain - opened).max() < step
    assert step < SIGMA / 4
