"""What leaves of the votes is noised as accounted, and the accounting agrees with a closed form."""

import math
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
import torch

from securefed.adapters.odometer import Odometer
from securefed.adapters.opacus_training.fusion.release import Noising
from securefed.domain.fusion import Fusion
from securefed.domain.identifiers import Line
from securefed.errors import ConfigInvalid, SecurefedError
from tests.adapters.opacus_training.fusion.voters import a_fusion, a_step

pytestmark = pytest.mark.slow
PHI = NormalDist().cdf


@pytest.fixture
def fusion(tmp_path: Path) -> Fusion:
    return a_fusion(tmp_path, records=800)


def test_the_noise_is_that_of_the_step(fusion: Fusion) -> None:
    counts = torch.full((800, 2), 3.0, dtype=torch.float64)
    step = a_step(fusion, "1.5")
    assert step.clip == 40
    row = Noising.fresh(fusion, step, 100).released(counts)
    noise = (row - 3) / (1.5 * 40)
    assert row.dtype == np.float32
    assert abs(noise.var() - 1) < 8 * math.sqrt(2 / 1600)
    assert abs(noise.mean()) < 8 / math.sqrt(1600)
    assert (row * 64 == np.round(row * 64)).all()


def test_no_release_has_the_noise_of_another(fusion: Fusion) -> None:
    counts = torch.zeros((800, 2), dtype=torch.float64)
    rows = [Noising.fresh(fusion, a_step(fusion), 100).released(counts) for _ in range(2)]
    noising = Noising.fresh(fusion, a_step(fusion), 100)
    rows += [noising.released(counts) for _ in range(2)]
    for one in range(4):
        for other in range(one):
            assert abs(np.corrcoef(rows[one], rows[other])[0, 1]) < 8 / math.sqrt(1600)


def test_what_is_executed_is_what_was_used(fusion: Fusion) -> None:
    step = a_step(fusion, "1.5")
    assert Noising.fresh(fusion, step, 100).numbers.executed(1) == step


@pytest.mark.parametrize(
    "changes",
    [
        {"clip": Decimal("39.9999999999")},
        {"sampling_rate": Decimal("0.99")},
        {"steps": 2},
    ],
)
def test_a_step_that_does_not_cover_the_votes_is_refused(
    fusion: Fusion, changes: dict[str, object]
) -> None:
    with pytest.raises(ConfigInvalid):
        Noising.fresh(fusion, replace(a_step(fusion), **changes), 100)


def test_a_clip_is_compared_exactly(tmp_path: Path) -> None:
    """√6 has no end: one digit less than enough is too little, however many there are."""
    fusion = a_fusion(tmp_path, records=3)
    enough = "2.449489742783178098197284"
    fusion.check_step(replace(a_step(fusion), clip=Decimal(enough + "08")))
    with pytest.raises(ConfigInvalid, match="One unit moves"):
        fusion.check_step(replace(a_step(fusion), clip=Decimal(enough + "07")))


@pytest.mark.parametrize("noise", ["0.6", "1", "3.3"])
def test_epsilon_is_that_of_the_largest_move_of_counts(tmp_path: Path, noise: str) -> None:
    """Two histograms that differ in one teacher's every vote, under the noise that is drawn: the
    exact δ of two Gaussians so far apart (Balle, Wang 2018), against the accountant's ε."""
    fusion = a_fusion(tmp_path, records=50)
    before, after = np.zeros((50, 2)), np.zeros((50, 2))
    before[:, 0], after[:, 1] = 1, 1
    step = a_step(fusion, noise)
    apart = float(np.linalg.norm(after - before)) / (float(noise) * float(step.clip))
    loss = Odometer().loss((step,), Decimal("1e-5"))

    def delta(epsilon: float) -> float:
        return PHI(apart / 2 - epsilon / apart) - math.exp(epsilon) * PHI(
            -apart / 2 - epsilon / apart
        )

    assert delta(float(loss.epsilon)) <= 1e-5
    assert delta(float(loss.epsilon) - 0.005) > 1e-5


def test_a_teacher_that_comes_into_being_moves_less(tmp_path: Path) -> None:
    fusion = a_fusion(tmp_path, records=50)
    assert math.sqrt(fusion.records) < float(fusion.least_clip)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"teachers": 1}, "teachers"),
        ({"classes": (Line("false"),)}, "two classes"),
        ({"classes": (Line("no"), Line("yes"))}, "true and false"),
        ({"target": Line("age")}, "a class is none"),
        ({"target": Line("height")}, "lack 'height'"),
        ({"queries": Line("../public.csv")}, "itself"),
    ],
)
def test_a_vote_that_makes_no_sense_is_refused(
    fusion: Fusion, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(SecurefedError, match=said):
        replace(fusion, **changes)
