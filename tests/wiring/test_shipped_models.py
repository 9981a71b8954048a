"""The small models that come with securefed: studies pin them, and they are safe to load."""

from pathlib import Path

import pytest

from securefed.config import load_study
from securefed.errors import StorageFailed
from securefed.recipes.pretrained.manifest import manifest_digest
from securefed.wiring.basics import shipped_file
from securefed.wiring.workloads.shipped import bring_shipped

MODELS = {"sites/images.toml": "pictures-vit", "sites/language.toml": "manual-gpt2"}
STUDIES = Path(__file__).parents[2] / "benchmarks/studies"


def _parameters(study: Path) -> dict[str, str]:
    return {str(one.name): str(one.value) for one in load_study(study).recipe.parameters}


@pytest.mark.parametrize(("study", "model"), MODELS.items())
def test_a_study_pins_the_model_that_is_shipped(study: str, model: str) -> None:
    told = _parameters(shipped_file(study))
    assert told["model"] == model
    assert told["model_sha256"] == manifest_digest(shipped_file(f"sites/models/{model}"))


@pytest.mark.parametrize(("study", "model"), MODELS.items())
def test_the_benchmarks_studies_pin_the_same(study: str, model: str) -> None:
    pinned = _parameters(shipped_file(study))["model_sha256"]
    variants = list(STUDIES.glob(f"{Path(study).stem}-*.toml"))
    assert variants
    assert {_parameters(one)["model_sha256"] for one in variants} == {pinned}


@pytest.mark.parametrize("model", MODELS.values())
def test_it_is_small(model: str) -> None:
    files = [one for one in shipped_file(f"sites/models/{model}").iterdir() if one.is_file()]
    assert sum(one.stat().st_size for one in files) < 400_000


def test_what_is_brought_has_the_same_digest(tmp_path: Path) -> None:
    bring_shipped("pictures-vit", tmp_path)
    shipped = manifest_digest(shipped_file("sites/models/pictures-vit"))
    assert manifest_digest(tmp_path / "pictures-vit") == shipped


def test_a_model_that_is_there_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "pictures-vit").mkdir()
    with pytest.raises(StorageFailed):
        bring_shipped("pictures-vit", tmp_path)
    assert not list((tmp_path / "pictures-vit").iterdir())
