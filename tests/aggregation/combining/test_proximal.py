"""FedProx's pull is the gradient of its term, and leads back to where the round began."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.aggregation.combining.proximal import check_strength, proximal_pull
from securefed.errors import NumberInvalid

rows = st.lists(st.floats(-5, 5, width=32), min_size=3, max_size=3)


@given(rows, rows, st.floats(0.01, 10))
def test_the_pull_is_the_gradient_of_its_term(
    weights: list[float], start: list[float], strength: float
) -> None:
    def term(at: np.ndarray) -> float:
        return strength / 2 * float(np.sum((at - np.array(start)) ** 2))

    pull = proximal_pull(np.array(weights, np.float32), np.array(start, np.float32), strength)
    for index in range(3):
        step = np.zeros(3)
        step[index] = 1e-3
        slope = (term(np.array(weights) + step) - term(np.array(weights) - step)) / 2e-3
        assert pull[index] == pytest.approx(slope, rel=1e-4, abs=1e-4)
    assert pull.dtype == np.float32


def test_steps_of_pull_alone_lead_back() -> None:
    start = np.zeros(3, np.float32)
    weights = np.array([1, -2, 3], np.float32)
    for _ in range(200):
        weights = weights - np.float32(0.1) * proximal_pull(weights, start, 1.0)
    np.testing.assert_allclose(weights, start, atol=1e-6)


def test_a_pull_that_goes_beyond_its_target_is_refused() -> None:
    check_strength(Decimal(10), Decimal("0.1"))
    for strength, rate in (("10.1", "0.1"), ("0", "1"), ("NaN", "1")):
        with pytest.raises(NumberInvalid):
            check_strength(Decimal(strength), Decimal(rate))
