"""Vision transformers, small and from a folder: exact under the engine, learnable, pinned."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from securefed.domain.identifiers import Digest
from securefed.errors import AssetMismatch, ModelUnusable
from securefed.recipes.images import ImagesSettings, make
from securefed.recipes.pretrained.manifest import manifest_digest
from tests.recipes.images.exactness import assert_exact_on_mock, learnt_accuracy

pytestmark = pytest.mark.slow
transformers: Any = pytest.importorskip("transformers", reason="the extra 'models' is not here")
pytest.importorskip("peft", reason="the extra 'models' is not here")

SIZES = {"size": 16, "patch": 8}
SMALL = {**SIZES, "model": "vit", "width": 8, "depth": 2, "heads": 2, "classes": "a,b,c"}
WAYS = ["all", "head", "lora"]


def trained_names(model: nn.Module) -> set[str]:
    return {name for name, one in model.named_parameters() if one.requires_grad}


@pytest.mark.parametrize("train", WAYS)
def test_exact(train: str, tmp_path: Path) -> None:
    recipe = make(ImagesSettings(**SMALL, train=train, lora_rank=2), None)
    assert_exact_on_mock(recipe, tmp_path)


@pytest.mark.parametrize("train", WAYS)
def test_the_mock_can_be_learnt(train: str, tmp_path: Path) -> None:
    settings = ImagesSettings(**SMALL | {"width": 16}, train=train)
    assert learnt_accuracy(settings, tmp_path, 80) > 0.8


def test_what_is_trained() -> None:
    models = {way: make(ImagesSettings(**SMALL, train=way), None).model() for way in WAYS}
    head = {"network.classifier.weight", "network.classifier.bias"}
    assert trained_names(models["head"]) == head
    assert trained_names(models["all"]) == {name for name, _ in models["all"].named_parameters()}
    small = trained_names(models["lora"]) - head
    assert len(trained_names(models["lora"])) == len(small) + 2
    assert len(small) == 2 * 2 * 2
    assert all("lora_" in name for name in small)


def test_first_weights_come_from_the_seed_and_touch_no_other_chance() -> None:
    def weights(seed: int) -> torch.Tensor:
        recipe = make(ImagesSettings(**SMALL, train="lora", seed=seed), None)
        return nn.utils.parameters_to_vector(recipe.model().parameters())

    before = torch.get_rng_state()
    first, again, other = weights(1), weights(1), weights(2)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of ten classes, as somebody could have trained it."""
    folder = tmp_path_factory.mktemp("assets")
    config = transformers.ViTConfig(
        **{"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2},
        **{"intermediate_size": 16, "image_size": 16, "patch_size": 8, "num_labels": 10},
        **{"hidden_dropout_prob": 0.5, "attention_probs_dropout_prob": 0.5},
    )
    torch.manual_seed(3)
    transformers.ViTForImageClassification(config).save_pretrained(folder / "eyes")
    return folder


def settings_for(assets: Path, **more: object) -> ImagesSettings:
    digest = str(manifest_digest(assets / "eyes"))
    given = {"model": "eyes", "model_sha256": digest, "classes": "a,b,c", **SIZES}
    return ImagesSettings(**given | more)


@pytest.mark.parametrize("train", WAYS)
def test_a_folder_is_exact(train: str, assets: Path, tmp_path: Path) -> None:
    recipe = make(settings_for(assets, train=train), assets)
    assert recipe.family == "vit-classifier"
    assert_exact_on_mock(recipe, tmp_path)


def test_a_folder_brings_its_body_and_gets_a_new_head(assets: Path) -> None:
    model = make(settings_for(assets), assets).model()
    original = transformers.ViTForImageClassification.from_pretrained(assets / "eyes")
    told = dict(model.named_parameters())
    for name, one in original.vit.named_parameters():
        assert torch.equal(told[f"network.vit.{name}"], one)
    assert told["network.classifier.weight"].shape == (3, 8)
    assert all(part.p == 0 for part in model.modules() if isinstance(part, nn.Dropout))


@pytest.mark.parametrize("other", [{"size": 32}, {"colour": False}])
def test_a_folder_for_other_images(other: dict[str, int], assets: Path) -> None:
    with pytest.raises(ModelUnusable, match="the study has"):
        make(settings_for(assets, **other), assets)


def test_a_folder_that_is_another_one(assets: Path) -> None:
    digest = Digest("sha256:" + "0" * 64)
    with pytest.raises(AssetMismatch):
        make(settings_for(assets, model_sha256=str(digest)), assets)


@pytest.mark.parametrize("name", ["../eyes", "somebody/eyes", "ears"])
def test_a_folder_that_is_not_there(name: str, assets: Path) -> None:
    with pytest.raises(ModelUnusable):
        make(settings_for(assets, model=name), assets)


def test_lora_on_layers_that_are_not_there(assets: Path) -> None:
    recipe = make(settings_for(assets, train="lora", lora_targets="nothing"), assets)
    with pytest.raises(ModelUnusable, match="LoRA"):
        recipe.model()
