"""Sentiment over three real platforms' sites, which all have the same frozen encoder."""

import pytest

from securefed.wiring.workloads.sentiment import SENTIMENT
from tests.journeys.federation import journey

pytestmark = pytest.mark.slow


def test_one_round_tells_what_people_like() -> None:
    ran = journey(SENTIMENT, 1)
    print(dict(ran.metrics), f"{ran.seconds:.0f} s")
    assert len(ran.ledger) == 3
    assert ran.metrics["accuracy"] > 0.8
    assert ran.metrics["auc"] > 0.85
