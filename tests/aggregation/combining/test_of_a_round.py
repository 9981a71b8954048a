"""Sites' updates through words, sum and opening into a step, against the plain weighted mean."""

from decimal import Decimal

import numpy as np
import pytest

from securefed.aggregation.combining import ServerStep, first_state
from securefed.aggregation.combining.control import first_own_control
from securefed.aggregation.combining.rules import CONTROL
from securefed.aggregation.grid import Floats, Values, average_step
from securefed.aggregation.shape import grid_of, shape_of
from securefed.aggregation.values import PackedUpdate, opened_average, site_scaling
from securefed.domain.server_rule import FedAvg, ServerPlan
from securefed.domain.study import Suite
from securefed.domain.update import Roster, Seal
from securefed.domain.weighting import CappedUnits
from tests.aggregation.round_of_sites import LAYOUT, normals, privatized, roster, seal, site
from tests.aggregation.test_values import summed

# More than two chunks of 4,096 words with three values in each.
SIZE = 30_000
UNITS = (200, 50, 5000)
WEIGHTS = tuple(CappedUnits(cap=400).weight(units) for units in UNITS)
STRIDE = 0.5
PLAN = ServerPlan(rule=FedAvg(rate=Decimal(1)), control=True)


def opened(updates: list[Values], announced: Roster, made: Seal) -> list[tuple[slice, Floats]]:
    """Each chunk's place and its opened average; words modulo 2^64 as the masks add them."""
    shape = shape_of(made)
    packed = []
    for number, values in enumerate(updates):
        update = privatized(values)
        scaling = site_scaling(update, made, announced, site(number))
        packed.append(list(PackedUpdate(update, values, made, scaling, None).words()))
    complete = summed(range(len(updates)), shape.chunks)
    return [
        (shape.values(at), opened_average(sum(words), at, made, announced, complete))
        for at, words in enumerate(zip(*packed, strict=True))
    ]


@pytest.mark.parametrize("present", [3, 2])
def test_opened_parts_step_the_model_and_its_control_variate(present: int) -> None:
    announced = roster(3, WEIGHTS)
    made = seal(announced, suite=Suite.BFV, bits=16, parameters=SIZE)
    assert shape_of(made).chunks > 2
    state = first_state(PLAN, LAYOUT, np.ones(SIZE, np.float32))
    updates = [normals(number, SIZE) for number in range(present)]
    whole = present == len(WEIGHTS)
    step = ServerStep(PLAN, state, stride=STRIDE if whole else None)
    for place, average in opened(updates, announced, made):
        step.add(place, average)
    step.finish()
    used = WEIGHTS[:present]
    off = average_step(grid_of(made), contributors=present, heaviest=max(WEIGHTS), weight=sum(used))
    plain = np.average(np.clip(updates, -0.5, 0.5), axis=0, weights=used)
    np.testing.assert_allclose(state.weights, 1 + plain, atol=off / 2 + 1e-6)
    assert state.controlled == (1 if whole else 0)
    zeros = np.zeros(SIZE, np.float32)
    sites = [
        first_own_control(SIZE).trained(zeros, np.clip(values, -0.5, 0.5), STRIDE, 1)
        for values in updates
    ]
    known = [one.as_of(state.controlled).values for one in sites]
    mean = np.average(known, axis=0, weights=used)
    np.testing.assert_allclose(state.kept[CONTROL], mean, atol=off / STRIDE + 1e-5)
