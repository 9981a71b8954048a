"""Blood cells over three real laboratories' sites: pictures are protected, the base is frozen."""

import pytest

from securefed.wiring.workloads.images import IMAGES
from tests.journeys.federation import journey

pytestmark = pytest.mark.slow

ALWAYS_THE_SAME = 1 / 3


def test_one_round_tells_cells_apart() -> None:
    ran = journey(IMAGES, 1)
    print(dict(ran.metrics), f"{ran.seconds:.0f} s")
    assert len(ran.ledger) == 3
    assert ran.metrics["balanced_accuracy"] > 2 * ALWAYS_THE_SAME
