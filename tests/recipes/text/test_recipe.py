"""Text classification: exact for each choice of weights, the same for each record by itself."""

from pathlib import Path
from typing import Any

import pytest
import torch

from securefed.domain.identifiers import Line
from securefed.domain.site import Column, ColumnType
from securefed.domain.study import Parameter
from securefed.errors import ConfigInvalid, DataUnreadable, ModelUnusable
from securefed.recipes.fit import check_fit
from securefed.recipes.pretrained.manifest import manifest_digest
from securefed.recipes.records import Records
from securefed.recipes.settings import read_settings
from securefed.recipes.text import SETTINGS, make
from securefed.recipes.text.recipe import TextRecipe
from tests.recipes.pretrained.exactness import (
    assert_exact_on_mock,
    assert_records_alone,
    numbers_trained,
    trained_on_mock,
)
from tests.recipes.pretrained.folders import bert, forbid_network, gpt2

pytestmark = pytest.mark.slow

CHOICES = [(train, pooling) for train in ("all", "head", "lora") for pooling in ("model", "mean")]


def tiny(**settings: Any) -> TextRecipe:
    return make(SETTINGS(**settings), None)


def in_folder(folder: Path, **settings: Any) -> TextRecipe:
    pinned = {"model": folder.name, "model_sha256": manifest_digest(folder), "max_tokens": 16}
    return make(SETTINGS(**pinned | settings), folder.parent)


def records(*texts: str | None, labels: Any = None) -> Records:
    columns = {"text": texts, "label": labels or ["0"] * len(texts)}
    return Records(columns=columns, folder=Path())


@pytest.mark.parametrize(("train", "pooling"), CHOICES)
def test_exact_on_its_mock(tmp_path: Path, train: str, pooling: str) -> None:
    classes = ("no", "yes", "maybe")
    recipe = tiny(train=train, pooling=pooling, classes=classes)
    assert_exact_on_mock(recipe, tmp_path)


@pytest.mark.parametrize(("train", "pooling"), CHOICES)
def test_exact_with_a_folder_and_without_network(
    tmp_path: Path, train: str, pooling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bert(tmp_path / "model")
    forbid_network(monkeypatch)
    assert_exact_on_mock(in_folder(folder, train=train, pooling=pooling), tmp_path)


def test_exact_with_a_model_that_reads_from_left_to_right(tmp_path: Path) -> None:
    folder = gpt2(tmp_path / "model", "GPT2Model")
    assert_exact_on_mock(in_folder(folder), tmp_path)
    assert_records_alone(in_folder(folder, train="lora"), tmp_path)


def test_how_many_numbers_are_trained() -> None:
    body = 512 * 32 + 512 * 32 + 2 * 32 + 2 * 32 + 2 * (4 * 1056 + 2112 + 2080 + 4 * 32)
    head = 2 * 32 + 2
    assert numbers_trained(tiny(pooling="mean")) == body + head
    assert numbers_trained(tiny()) == body + 32 * 32 + 32 + head
    for pooling in ("mean", "model"):
        assert numbers_trained(tiny(pooling=pooling, train="head")) == head
        # Two layers, query and value, two matrices of 4 × 32.
        lora = numbers_trained(tiny(pooling=pooling, train="lora", lora_rank=4))
        assert lora == 2 * 2 * 2 * 4 * 32 + head


@pytest.mark.parametrize(("train", "rate"), [("all", 0.01), ("head", 0.5), ("lora", 0.05)])
@pytest.mark.parametrize("classes", [("0", "1"), ("no", "yes", "maybe")])
def test_it_learns_its_mock(
    tmp_path: Path, train: str, rate: float, classes: tuple[str, ...]
) -> None:
    settings = {"train": train, "learning_rate": rate, "pooling": "mean", "classes": classes}
    left, metrics = trained_on_mock(tiny(**settings), tmp_path, 40)
    assert left < 0.5
    assert metrics["balanced_accuracy"] > 0.8
    assert ("auc" in metrics) == (len(classes) == 2)


@pytest.mark.parametrize(("train", "pooling"), CHOICES)
def test_each_record_by_itself(tmp_path: Path, train: str, pooling: str) -> None:
    assert_records_alone(tiny(train=train, pooling=pooling), tmp_path)


def test_the_first_weights_are_the_same_every_time_and_follow_the_seed() -> None:
    for train, pooling in CHOICES:
        one, same, other = (
            torch.cat([p.flatten() for p in tiny(**chosen).model().parameters()])
            for chosen in (
                {"train": train, "pooling": pooling},
                {"train": train, "pooling": pooling},
                {"train": train, "pooling": pooling, "seed": 1},
            )
        )
        assert torch.equal(one, same)
        assert not torch.equal(one, other)


def test_features_of_a_frozen_encoder_are_computed_once_and_are_in_no_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny(train="head", pooling="mean")
    model: Any = recipe.model()
    batch = recipe.collate(recipe.mock(40, 0, tmp_path))
    before = {name: one.clone() for name, one in model.state_dict().items()}
    fresh = recipe.losses(model, batch)
    computed: list[int] = []
    forward = model.encoder.forward

    def counted(**given: Any) -> Any:
        computed.append(1)
        return forward(**given)

    monkeypatch.setattr(model.encoder, "forward", counted)
    assert torch.equal(recipe.losses(model, batch), fresh)
    assert computed == []
    recipe.losses(model, recipe.collate(recipe.mock(1, 9, tmp_path)))
    assert computed == [1]
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(one, after[name]) for name, one in before.items())


def test_kept_features_are_those_that_would_be_computed(tmp_path: Path) -> None:
    batch = tiny().collate(tiny().mock(40, 0, tmp_path))
    frozen = tiny(train="head", pooling="mean")
    fluid = tiny(train="all", pooling="mean")
    torch.testing.assert_close(
        frozen.losses(frozen.model(), batch), fluid.losses(fluid.model(), batch)
    )


def test_a_frozen_encoder_never_enters_training_mode() -> None:
    model: Any = tiny(train="head", pooling="mean").model()
    model.train()
    assert not any(part.training for part in model.encoder.modules())
    assert model.training
    assert model.head.training


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "word " * 5000, "🙂", "[SEP] [CLS]", "\ud800", "\0"]
)
def test_any_text_has_a_finite_loss(text: str) -> None:
    recipe = tiny(pooling="mean")
    batch = recipe.collate(records(text))
    assert 1 <= batch["tokens"].shape[1] <= recipe.settings.max_tokens
    assert recipe.losses(recipe.model(), batch).isfinite().all()


def test_texts_that_only_differ_after_the_last_token_that_is_read_are_the_same() -> None:
    recipe = tiny(max_tokens=4)
    first, second = recipe.collate(records("a b c d", "a b c e"))["tokens"]
    assert torch.equal(first, second)


def test_a_folder_s_texts_are_cut_with_their_end_mark(tmp_path: Path) -> None:
    recipe = in_folder(bert(tmp_path / "model"), max_tokens=4)
    batch = recipe.collate(records("good good good good", ""))
    assert batch["tokens"].tolist() == [[2, 4, 4, 3], [2, 3, 0, 0]]
    assert batch["mask"].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [([1, 0], "0, 1", [1, 0]), ([True, False], "true,false", [0, 1]), (["b", "a"], "a,b", [1, 0])],
)
def test_classes_as_columns_hold_them(labels: Any, classes: str, expected: list[int]) -> None:
    settings = read_settings(SETTINGS, (Parameter(name=Line("classes"), value=Line(classes)),))
    batch = make(settings, None).collate(records("x", "y", labels=labels))
    assert batch["label"].tolist() == expected


@pytest.mark.parametrize("label", ["secret", None, 2, "1 ", 1.0])
def test_a_label_outside_the_classes_names_the_column_and_not_the_value(label: Any) -> None:
    with pytest.raises(DataUnreadable, match="column label") as caught:
        tiny().collate(records("x", "y", labels=["0", label]))
    assert "secret" not in f"{caught.value!r} {caught.value} {caught.value.remedy}"


@pytest.mark.parametrize("text", [None, 5, True])
def test_what_is_no_text_names_the_column(text: Any) -> None:
    with pytest.raises(DataUnreadable, match="column text"):
        tiny().collate(records("x", text))


def test_texts_in_files(tmp_path: Path) -> None:
    recipe = tiny(files=True, pooling="mean")
    assert [need.name for need in recipe.needs()] == ["file", "sha256", "label"]
    assert_records_alone(recipe, tmp_path)
    told = recipe.collate(recipe.mock(3, 5, tmp_path))["tokens"]
    assert torch.equal(told, tiny().collate(tiny().mock(3, 5, tmp_path))["tokens"])
    made = recipe.mock(3, 5, tmp_path)
    (tmp_path / "text-1.txt").write_text("something else")
    with pytest.raises(DataUnreadable, match="column file"):
        recipe.collate(made)


def test_a_dataset_without_the_columns_is_refused() -> None:
    text = Column(name=Line("text"), type=ColumnType.TEXT, meaning=Line("What was said"))
    label = Column(name=Line("label"), type=ColumnType.DECIMAL, meaning=Line("How it was"))
    with pytest.raises(ConfigInvalid, match="'label'"):
        check_fit(tiny(), (text,))
    with pytest.raises(ConfigInvalid, match="decimal"):
        check_fit(tiny(), (text, label))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("classes", "one"), ("classes", "a,a"), ("classes", "a,,b"), ("train", "some")),
        *(("max_tokens", "1"), ("lora_rank", "0"), ("pooling", "max"), ("dropout", "0.1")),
    ],
)
def test_a_setting_that_cannot_be(name: str, value: str) -> None:
    with pytest.raises(ConfigInvalid, match=r"recipe\.parameters"):
        read_settings(SETTINGS, (Parameter(name=Line(name), value=Line(value)),))


def test_more_tokens_than_the_model_has_places_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="32 tokens"):
        in_folder(bert(tmp_path / "model"), max_tokens=33)


def test_a_tokenizer_with_more_words_than_the_model(tmp_path: Path) -> None:
    folder = bert(tmp_path / "model", vocab_size=8)
    with pytest.raises(ModelUnusable, match="16 tokens, the model 8"):
        in_folder(folder)


def test_a_digest_for_the_built_in_model_is_a_mistake() -> None:
    with pytest.raises(ConfigInvalid, match="model_sha256"):
        tiny(model_sha256="sha256:" + "0" * 64)


def test_lora_layers_that_the_model_does_not_have() -> None:
    with pytest.raises(ModelUnusable, match="lora_targets"):
        tiny(train="lora", lora_targets=("nowhere",)).model()
    named = tiny(train="lora", lora_targets=("key",))
    assert numbers_trained(named) == 2 * 2 * 8 * 32 + 66


def test_exact_for_lora_on_the_last_layer_alone(tmp_path: Path) -> None:
    last = tiny(train="lora", pooling="mean", lora_targets=("layer.1.attention.self.value",))
    assert numbers_trained(last) == 2 * 8 * 32 + 66
    assert_exact_on_mock(last, tmp_path)


def test_exact_for_a_core_of_lora(tmp_path: Path) -> None:
    core = {"train": "lora", "lora_trains": "core", "lora_rank": 3}
    last = tiny(**core, pooling="mean", lora_targets=("layer.1.output.dense",))
    assert numbers_trained(last) == 3 * 3 + 66
    assert_exact_on_mock(last, tmp_path)
    everywhere = tiny(**core)
    assert numbers_trained(everywhere) == 2 * 2 * 3 * 3 + 66
    assert_exact_on_mock(everywhere, tmp_path)
    assert_records_alone(everywhere, tmp_path)


def test_the_family_is_the_kind_of_model(tmp_path: Path) -> None:
    assert tiny().family == "bert-classifier"
    assert in_folder(gpt2(tmp_path / "model", "GPT2Model")).family == "gpt2-classifier"
