"""Two answers at once over four real hospitals' sites, for the privacy of one."""

import pytest

from securefed.wiring.workloads.multi_task import MULTI_TASK
from tests.journeys.federation import journey

pytestmark = pytest.mark.slow


def test_two_rounds_learn_both_answers() -> None:
    ran = journey(MULTI_TASK, 2)
    print(dict(ran.metrics), f"{ran.seconds:.0f} s")
    assert len(ran.ledger) == 4
    assert len(set(ran.ledger.values())) == 1
    assert ran.metrics["disease.auc"] > 0.7
    assert ran.metrics["exang.auc"] > 0.65
