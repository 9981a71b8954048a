"""Language models: exact with tied weights and LoRA, each text by itself whatever its length."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from securefed.errors import ConfigInvalid, DataUnreadable, ModelUnusable
from securefed.recipes.language_model import SETTINGS, make
from securefed.recipes.language_model.recipe import LanguageModelRecipe
from securefed.recipes.pretrained.manifest import manifest_digest
from securefed.recipes.records import Records
from tests.adapters.bookkeeping.oracle import trained
from tests.recipes.pretrained.exactness import (
    assert_exact_on_mock,
    assert_records_alone,
    numbers_trained,
    trained_on_mock,
)
from tests.recipes.pretrained.folders import bert, forbid_network, gpt2, llama

pytestmark = pytest.mark.slow


def tiny(**settings: Any) -> LanguageModelRecipe:
    return make(SETTINGS(**settings), None)


def in_folder(folder: Path, **settings: Any) -> LanguageModelRecipe:
    pinned = {"model": folder.name, "model_sha256": manifest_digest(folder), "max_tokens": 16}
    return make(SETTINGS(**pinned | settings), folder.parent)


def records(*texts: str | None) -> Records:
    return Records(columns={"text": texts}, folder=Path())


@pytest.mark.parametrize("train", ["all", "lora"])
def test_exact_on_its_mock(tmp_path: Path, train: str) -> None:
    assert_exact_on_mock(tiny(train=train), tmp_path)


@pytest.mark.parametrize("train", ["all", "lora"])
@pytest.mark.parametrize("kind", [gpt2, llama])
def test_exact_with_a_folder_and_without_network(
    tmp_path: Path, train: str, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = kind(tmp_path / "model")
    forbid_network(monkeypatch)
    recipe = in_folder(folder, train=train)
    # Llama normalises in single precision whatever the weights are.
    precision = torch.float32 if kind is llama else torch.float64
    assert_exact_on_mock(recipe, tmp_path, precision)
    assert_records_alone(recipe, tmp_path)


def test_how_many_numbers_are_trained() -> None:
    layer = 2 * 2 * 32 + 32 * 96 + 96 + 32 * 32 + 32 + 2 * 32 * 128 + 128 + 32
    # The table of tokens is the last layer too, and counts once.
    assert numbers_trained(tiny()) == 258 * 32 + 512 * 32 + 2 * layer + 2 * 32
    # Two layers, from 32 to 96 numbers by matrices of rank 4.
    assert numbers_trained(tiny(train="lora", lora_rank=4)) == 2 * 4 * (32 + 96)


def test_lora_trains_its_own_matrices_only() -> None:
    names = trained(tiny(train="lora").model())
    assert names
    assert all(".lora_" in name for name in names)


@pytest.mark.parametrize(("train", "rate", "left"), [("all", 0.01, 0.3), ("lora", 0.05, 0.97)])
def test_it_learns_its_mock(tmp_path: Path, train: str, rate: float, left: float) -> None:
    found, metrics = trained_on_mock(tiny(train=train, learning_rate=rate), tmp_path, 40)
    assert found < left
    assert metrics["token_accuracy"] > 0.1
    assert math.isclose(metrics["perplexity"], math.exp(metrics["loss"]))


def test_the_loss_is_the_mean_over_a_record_s_own_tokens() -> None:
    recipe = tiny()
    model: Any = recipe.model()
    batch = recipe.collate(records("ab", "a longer text than that"))
    tokens = torch.tensor([[*b"ab", 257]])
    scores = model.network(input_ids=tokens).logits[0, :-1]
    expected = functional.cross_entropy(scores, tokens[0, 1:])
    torch.testing.assert_close(recipe.losses(model, batch)[0], expected)


def test_each_record_by_itself_whatever_fills_it_up(tmp_path: Path) -> None:
    recipe = tiny()
    assert_records_alone(recipe, tmp_path)
    model, batch = recipe.model(), recipe.collate(records("ab", "a longer text"))
    other = torch.where(batch["mask"] == 1, batch["tokens"], 65)
    torch.testing.assert_close(
        recipe.losses(model, batch), recipe.losses(model, {**batch, "tokens": other})
    )


def test_a_text_with_nothing_to_foretell_adds_nothing(tmp_path: Path) -> None:
    for recipe in (tiny(), in_folder(gpt2(tmp_path / "model"))):
        model, batch = recipe.model(), recipe.collate(records(""))
        losses = recipe.losses(model, batch)
        assert losses.tolist() == [0.0]
        gradients = torch.autograd.grad(losses.sum(), list(trained(model).values()))
        assert all(not gradient.any() for gradient in gradients)
        assert not recipe.tallies(model, batch).any()


@pytest.mark.parametrize("text", [" ", "word " * 5000, "🙂", "<|endoftext|>", "\ud800", "\0"])
def test_any_text_has_a_finite_loss(text: str) -> None:
    recipe = tiny()
    batch = recipe.collate(records(text))
    assert batch["tokens"].shape[1] <= recipe.settings.max_tokens
    assert recipe.losses(recipe.model(), batch).isfinite().all()


def test_a_text_that_is_cut_has_no_end(tmp_path: Path) -> None:
    recipe = in_folder(gpt2(tmp_path / "model"), max_tokens=4)
    batch = recipe.collate(records("good food", "good good good good good"))
    assert batch["tokens"].tolist() == [[4, 6, 3, 3], [4, 4, 4, 4]]
    assert batch["mask"].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]


def test_a_loss_without_bound_counts_as_the_bound() -> None:
    recipe = tiny(loss_bound=0.5)
    model, batch = recipe.model(), recipe.collate(records("abc", "abcd"))
    rows = recipe.tallies(model, batch)
    assert rows.norm(dim=1).max() <= 1
    assert recipe.metrics(rows.sum(0))["loss"] == pytest.approx(0.5)


def test_metrics_of_nothing_are_no_numbers() -> None:
    assert all(math.isnan(value) for value in tiny().metrics(torch.zeros(4)).values())


def test_texts_in_files(tmp_path: Path) -> None:
    recipe = tiny(files=True)
    made = recipe.mock(3, 5, tmp_path)
    assert torch.equal(
        recipe.collate(made)["tokens"], tiny().collate(tiny().mock(3, 5, tmp_path))["tokens"]
    )
    (tmp_path / "text-1.txt").write_bytes(b"\xff")
    with pytest.raises(DataUnreadable, match="column file"):
        recipe.collate(made)


def test_a_missing_text_names_the_column() -> None:
    with pytest.raises(DataUnreadable, match="column text"):
        tiny().collate(records("a", None))


def test_more_tokens_than_the_model_has_places_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="32 tokens"):
        in_folder(gpt2(tmp_path / "model"), max_tokens=33)


def test_a_classifier_s_folder_is_no_language_model(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable):
        in_folder(bert(tmp_path / "model", "BertForSequenceClassification")).model()


def test_the_family_is_the_kind_of_model(tmp_path: Path) -> None:
    assert tiny().family == "gpt2-language-model"
    assert in_folder(llama(tmp_path / "model")).family == "llama-language-model"
