"""Heart disease over four real hospitals' sites, of which one has thirty patients."""

import pytest

from securefed.wiring.workloads.heart import HEART
from tests.journeys.federation import journey

pytestmark = pytest.mark.slow

MAJORITY = 0.638


def test_two_rounds_are_better_than_no_model() -> None:
    ran = journey(HEART, 2)
    print(dict(ran.metrics), f"{ran.seconds:.0f} s")
    assert len(ran.ledger) == 4
    assert len(set(ran.ledger.values())) == 1
    assert ran.metrics["accuracy"] > MAJORITY
    assert ran.metrics["auc"] > 0.75
