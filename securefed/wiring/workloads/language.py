"""A small language model that learns how people write on three platforms, by LoRA."""

from decimal import Decimal
from pathlib import Path
from typing import Final

from securefed.adapters.published_data.sentences import ORIGIN, write_sentences
from securefed.domain.identifiers import Name
from securefed.wiring.workloads.shipped import bring_shipped
from securefed.wiring.workloads.workload import PUBLISHED, Compared, HeldOut, Places, Workload

BASE: Final = "manual-gpt2"


def _write(source: Path, places: Places) -> None:
    write_sentences(source, places.data)
    bring_shipped(BASE, places.assets)


def _before(held: HeldOut) -> float:
    from securefed.adapters.opacus_training.comparing import metrics_of
    from securefed.adapters.opacus_training.training import first_model
    from securefed.adapters.opacus_training.weights import copied, shared_parameters

    first = copied(shared_parameters(first_model(held.recipe), held.recipe))
    return metrics_of(held.recipe, held.part, held.test, first)["perplexity"]


LANGUAGE = Workload(
    name=Name("language"),
    study="sites/language.toml",
    write=_write,
    epsilon=Decimal(16),
    delta=Decimal("1e-4"),
    compared=Compared(metric="perplexity", line=_before, line_is="the model before the study"),
    unit="sentences",
    policy=PUBLISHED,
    origin=ORIGIN,
)
