"""Through the engine: the self-test passes, the mock is learnt, records can share an image."""

from decimal import Decimal
from pathlib import Path

import pytest

from securefed.adapters.opacus_training.evaluation import evaluate_public
from securefed.adapters.opacus_training.run import TrainingRun
from securefed.adapters.opacus_training.training import train
from securefed.domain.identifiers import Line
from securefed.domain.privacy import DpSgd, PrivacyUnit, Sampling
from securefed.domain.site import Column, ColumnType
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.images import ImagesSettings, make
from securefed.recipes.records import Records

pytestmark = pytest.mark.slow

KINDS = {
    **{"file": ColumnType.IDENTIFIER, "sha256": ColumnType.TEXT, "label": ColumnType.CATEGORY},
    **dict.fromkeys(("xmin", "ymin", "xmax", "ymax"), ColumnType.INTEGER),
}
CASES = {
    "cnn": {"size": 8, "width": 4, "depth": 2},
    "cnn of boxes": {"size": 8, "width": 4, "depth": 2, "boxes": True},
    "vit": {"model": "vit", "size": 16, "width": 8, "depth": 1},
    "vit, lora": {"model": "vit", "size": 16, "width": 8, "depth": 1, "train": "lora"},
}


class Uncharged:
    def before_step(self, step: int) -> None:
        assert step > 0


def source_of(records: Records, unit: PrivacyUnit) -> MemorySource:
    columns = (
        Column(name=Line(name), type=KINDS[name], meaning=Line(name)) for name in records.columns
    )
    return MemorySource(records, tuple(columns), unit)


def mechanism(steps: int) -> DpSgd:
    return DpSgd(
        noise_multiplier=Decimal("0.5"),
        sampling_rate=Decimal("0.5"),
        sampling=Sampling.POISSON,
        steps=steps,
        clip=Decimal(1),
    )


@pytest.mark.parametrize("case", CASES)
def test_the_mock_is_learnt_with_noise(case: str, tmp_path: Path) -> None:
    settings = ImagesSettings(optimizer="adam", learning_rate=0.03, **CASES[case])
    recipe = make(settings, None)
    unit = PrivacyUnit(column=None, bound=1)
    source = source_of(recipe.mock(100, 1, tmp_path), unit)
    run = TrainingRun(recipe=recipe, source=source, mechanism=mechanism(40))
    trained = train(run, Uncharged())
    assert trained.proof.engine == "book-keeping"
    assert trained.silenced == 0
    other = TrainingRun(
        recipe=recipe,
        source=source_of(recipe.mock(60, 2, tmp_path), unit),
        mechanism=mechanism(1),
        weights=trained.weights,
    )
    assert evaluate_public(other)["auc"] > 0.9


def test_the_boxes_of_an_image_are_one_unit(tmp_path: Path) -> None:
    recipe = make(ImagesSettings(**CASES["cnn of boxes"]), None)
    single = recipe.mock(20, 1, tmp_path)
    source = source_of(single.picked([*range(20), *range(10)]), PrivacyUnit(column="file", bound=2))
    assert (source.records, source.units) == (30, 20)
    trained = train(TrainingRun(recipe=recipe, source=source, mechanism=mechanism(3)), Uncharged())
    assert trained.executed == mechanism(3)
    assert trained.silenced == 0
