"""How people write, over three real platforms' sites: LoRA on a language model that is shipped."""

import pytest

from securefed.wiring.workloads.language import LANGUAGE
from tests.journeys.federation import journey

pytestmark = pytest.mark.slow

# What the model says of the held-out sentences before the study.
BEFORE = 87.7


def test_one_round_makes_sentences_less_surprising() -> None:
    ran = journey(LANGUAGE, 1)
    print(dict(ran.metrics), f"{ran.seconds:.0f} s")
    assert len(ran.ledger) == 3
    assert ran.metrics["perplexity"] < 0.95 * BEFORE
