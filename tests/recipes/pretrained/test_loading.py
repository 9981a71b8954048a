"""Models from folders: only the one that is pinned, whole, without network and without noise."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from securefed.errors import AssetMismatch, ModelUnusable
from securefed.recipes.pretrained.loading import (
    ModelFolder,
    head_may_be_new,
    none_may_lack,
    pinned_folder,
    pooler_may_lack,
)
from securefed.recipes.pretrained.manifest import manifest_digest
from tests.recipes.pretrained.folders import bert, changed, forbid_network, gpt2

pytestmark = pytest.mark.slow

CLASSIFIER, CAUSAL = "AutoModelForSequenceClassification", "AutoModelForCausalLM"


def opened(folder: Path) -> ModelFolder:
    return pinned_folder(folder.parent, folder.name, manifest_digest(folder))


def loaded(folder: Path, kind: str, may_lack: Any, **changes: Any) -> Any:
    one = opened(folder)
    return one.model(kind, one.config(**changes), 0, may_lack)


def without(folder: Path, *names: str) -> None:
    path = folder / "model.safetensors"
    save_file({name: one for name, one in load_file(path).items() if name not in names}, path)


def test_the_weights_are_those_of_the_folder_and_nothing_connects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bert(tmp_path / "model")
    forbid_network(monkeypatch)
    model = loaded(folder, "AutoModel", none_may_lack)
    assert opened(folder).tokenizer()("good food")["input_ids"] == [2, 4, 6, 3]
    for name, weight in load_file(folder / "model.safetensors").items():
        assert torch.equal(model.get_parameter(name), weight)


def test_loading_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    folder = bert(tmp_path / "model")
    capfd.readouterr()
    loaded(folder, CLASSIFIER, head_may_be_new, num_labels=3)
    assert capfd.readouterr() == ("", "")
    assert transformers.utils.logging.is_progress_bar_enabled()


def test_a_new_head_is_drawn_from_the_seed_and_leaves_torch_s_generator_alone(
    tmp_path: Path,
) -> None:
    one = opened(bert(tmp_path / "model"))
    before = torch.get_rng_state()
    heads = [
        one.model(CLASSIFIER, one.config(num_labels=3), seed, head_may_be_new).classifier.weight
        for seed in (0, 0, 1)
    ]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_a_head_for_other_classes_is_replaced(tmp_path: Path) -> None:
    folder = bert(tmp_path / "model", "BertForSequenceClassification", num_labels=5)
    model = loaded(folder, CLASSIFIER, head_may_be_new, num_labels=2)
    assert model.classifier.weight.shape == (2, 16)


@pytest.mark.parametrize(
    "lacking",
    ["encoder.layer.1.output.dense.weight", "embeddings.LayerNorm.bias", "pooler.dense.weight"],
)
def test_a_missing_weight_of_the_body_is_an_error_that_names_it(
    tmp_path: Path, lacking: str
) -> None:
    folder = bert(tmp_path / "model")
    without(folder, lacking)
    with pytest.raises(ModelUnusable, match=lacking):
        loaded(folder, CLASSIFIER, head_may_be_new)


def test_a_weight_of_another_shape_is_an_error(tmp_path: Path) -> None:
    folder = bert(tmp_path / "model")
    changed(folder, "config.json", intermediate_size=20)
    with pytest.raises(ModelUnusable, match="another shape"):
        loaded(folder, CLASSIFIER, head_may_be_new)


def test_an_encoder_that_is_pooled_here_may_lack_its_pooler_only(tmp_path: Path) -> None:
    folder = bert(tmp_path / "model")
    without(folder, "pooler.dense.weight", "pooler.dense.bias")
    assert loaded(folder, "AutoModel", pooler_may_lack) is not None
    without(folder, "embeddings.word_embeddings.weight")
    with pytest.raises(ModelUnusable, match="word_embeddings"):
        loaded(folder, "AutoModel", pooler_may_lack)


def test_a_language_model_is_whole_with_tied_weights_and_never_gets_a_new_head(
    tmp_path: Path,
) -> None:
    assert loaded(gpt2(tmp_path / "tied"), CAUSAL, none_may_lack) is not None
    bare = gpt2(tmp_path / "bare", "GPT2Model")
    changed(bare, "config.json", tie_word_embeddings=False)
    with pytest.raises(ModelUnusable, match="lm_head"):
        loaded(bare, CAUSAL, none_may_lack)


def test_damaged_weights_are_an_error_without_their_content(tmp_path: Path) -> None:
    folder = bert(tmp_path / "model")
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelUnusable, match="cannot load"):
        loaded(folder, CLASSIFIER, head_may_be_new)


def test_a_model_of_no_known_kind(tmp_path: Path) -> None:
    folder = bert(tmp_path / "model")
    changed(folder, "config.json", model_type="unheard-of")
    with pytest.raises(ModelUnusable, match="cannot load"):
        opened(folder).config()


@pytest.mark.parametrize("make", [bert, gpt2])
def test_nothing_is_dropped_while_training(tmp_path: Path, make: Any) -> None:
    model = loaded(make(tmp_path / "model"), "AutoModel", none_may_lack).train()
    tokens = torch.tensor([[4, 5, 6]])
    first, second = (model(tokens).last_hidden_state for _ in range(2))
    assert torch.equal(first, second)


def test_another_digest_is_refused(tmp_path: Path) -> None:
    folder = bert(tmp_path / "model")
    digest = manifest_digest(folder)
    changed(folder, "config.json", layer_norm_eps=1e-3)
    with pytest.raises(AssetMismatch, match="model"):
        pinned_folder(tmp_path, "model", digest)


@pytest.mark.parametrize("sha256", ["", "sha256:12", hashlib.sha256(b"").hexdigest()])
def test_a_folder_without_a_whole_digest_is_refused(tmp_path: Path, sha256: str) -> None:
    bert(tmp_path / "model")
    with pytest.raises(ModelUnusable, match="model_sha256"):
        pinned_folder(tmp_path, "model", sha256)


@pytest.mark.parametrize(
    "name", ["../model", "/etc", "..", "", ".hidden", "a/b", "sentence-transformers/model", "a\n"]
)
def test_a_name_that_is_no_folder_s_says_how_models_are_fetched(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bert(tmp_path / "model")
    forbid_network(monkeypatch)
    inside = tmp_path / "assets"
    inside.mkdir()
    with pytest.raises(ModelUnusable) as caught:
        pinned_folder(inside, name, "sha256:" + "0" * 64)
    assert "securefed model fetch" in caught.value.remedy


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_that_is_not_at_the_site(tmp_path: Path, there: bool) -> None:
    with pytest.raises(ModelUnusable, match="no model folder minilm"):
        pinned_folder(tmp_path if there else None, "minilm", "sha256:" + "0" * 64)
