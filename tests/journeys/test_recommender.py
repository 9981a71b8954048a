"""Films over three real platforms' sites, every user protected as one.

The line to pass is 0.946, which each user's own mean reaches without anybody's help.
"""

import pytest

from securefed.wiring.workloads.recommender import RECOMMENDER
from tests.journeys.federation import journey

pytestmark = pytest.mark.slow

OWN_MEAN = 0.946
BY_CHANCE = 0.1


def test_one_round_foretells_better_than_a_users_own_mean() -> None:
    ran = journey(RECOMMENDER, 1)
    print(dict(ran.metrics), f"{ran.seconds:.0f} s")
    assert len(ran.ledger) == 3
    assert ran.metrics["rmse"] < OWN_MEAN
    assert ran.metrics["hit_rate_at_10"] > 1.5 * BY_CHANCE
