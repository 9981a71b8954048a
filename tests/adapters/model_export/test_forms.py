"""A model in every form answers as the recipe's own, or nothing is written."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as library
from safetensors.torch import load_file
from torch import nn

from securefed.adapters.model_export import write_checked
from securefed.adapters.model_export.calls import Call, calls_of, differing
from securefed.domain.exported import Format
from securefed.errors import ModelUnusable
from securefed.recipes.built import Built, built
from securefed.recipes.pretrained.manifest import manifest_digest
from securefed.recipes.registry import recipe_for
from tests.recipes.exports import TABLE, trained
from tests.recipes.pretrained.folders import bert, gpt2
from tests.recipes.stated import stated

pytestmark = pytest.mark.slow

# Most of it has no types.
_transformers: Any = library
VIT = {"model": "vit", "size": "8", "patch": "4", "width": "8", "heads": "2", "depth": "1"}
CNN = {"size": "8", "width": "4", "depth": "1"}
SHORT = {"max_tokens": "16"}
LORA = {"train": "lora", "lora_rank": "2"}
OWN = b"""
import torch
def model(): return torch.nn.Linear(2, 1)
def collate(records): return {"x": torch.tensor(list(records.columns["x"])).float()}
def losses(model, batch): return model(batch["x"].repeat(2, 1).T).squeeze(1).square()
def mock(records, seed): return {"x": [float(seed + i) for i in range(records)]}
"""
LONG = b"""
import torch
class Mean(torch.nn.Linear):
    def forward(self, x): return super().forward(x.unsqueeze(2)).mean(1)
def model(): return Mean(1, 1)
def collate(records):
    x = torch.tensor(list(records.columns["x"])).float()
    return {"x": x[:, None].repeat(1, 2 + len(x) % 5)}
def losses(model, batch): return model(batch["x"]).squeeze(1).square()
def mock(records, seed): return {"x": [float(seed + i) for i in range(records)]}
"""


def learnt(assets: Path | None, name: str, code: bytes | None = None, **given: str) -> Built:
    """A model with weights that it could have learnt."""
    statement = stated(name, given, own_code=code)
    return built(statement, trained(recipe_for(statement, assets, code)), assets, code)


def folder_of(assets: Path, make: Any, *rest: Any, **changes: Any) -> dict[str, str]:
    """A model's folder, as parameters of a recipe."""
    make(assets / "base", *rest, **changes)
    return {"model": "base", "model_sha256": str(manifest_digest(assets / "base"))}


def written(form: Format, one: Built, folder: Path) -> tuple[Path, Call]:
    """The folder, and a call of the model before it was written."""
    call = calls_of(one.recipe, one.model)[1]
    folder.mkdir()
    write_checked(form, one.recipe, one.model, folder)
    return folder, call


def test_a_classifier_of_texts_is_loaded_by_transformers(tmp_path: Path) -> None:
    given = folder_of(tmp_path, bert) | {"classes": "bad, good"} | SHORT | LORA
    folder, call = written(Format.TRANSFORMERS, learnt(tmp_path, "text", **given), tmp_path / "out")
    model = _transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    found = model(input_ids=call.inputs["tokens"], attention_mask=call.inputs["mask"]).logits
    assert torch.allclose(found, call.answer, atol=1e-5)
    assert model.config.id2label == {0: "bad", 1: "good"}
    tokens = _transformers.AutoTokenizer.from_pretrained(folder)
    assert tokens("good food")["input_ids"] == [2, 4, 6, 3]
    assert not [name for name in load_file(folder / "model.safetensors") if "lora" in name]


@pytest.mark.parametrize("trains", ["thin", "core"])
def test_a_study_begins_with_what_lora_learnt(tmp_path: Path, trains: str) -> None:
    """The merged folder is a pretrained model as any other: a head alone, or LoRA, goes on top."""
    given = folder_of(tmp_path, bert) | LORA | SHORT | {"lora_trains": trains}
    _, call = written(Format.TRANSFORMERS, learnt(tmp_path, "text", **given), tmp_path / "next")
    pinned = {"model": "next", "model_sha256": str(manifest_digest(tmp_path / "next"))}
    for train in ("head", "lora"):
        statement = stated("text", {**given, **pinned, "train": train})
        model = recipe_for(statement, tmp_path, None).model().eval()
        assert torch.allclose(model(*call.tensors), call.answer, atol=1e-5)


def test_an_encoder_has_its_head_beside_it(tmp_path: Path) -> None:
    given = folder_of(tmp_path, bert) | LORA | SHORT | {"pooling": "mean"}
    one = learnt(tmp_path, "text", **given)
    head = one.model.get_parameter("head.weight").detach().clone()
    folder, call = written(Format.TRANSFORMERS, one, tmp_path / "out")
    beside = load_file(folder / "head.safetensors")
    assert torch.equal(beside["weight"], head)
    encoder = _transformers.AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    tokens, mask = call.tensors
    hidden = encoder(input_ids=tokens, attention_mask=mask).last_hidden_state
    mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    scores = nn.functional.normalize(mean, dim=1) @ beside["weight"].T + beside["bias"]
    assert torch.allclose(scores, call.answer, atol=1e-5)


@pytest.mark.parametrize("lora", [{}, LORA])
def test_a_language_model_is_loaded_by_transformers(tmp_path: Path, lora: dict[str, str]) -> None:
    given = folder_of(tmp_path, gpt2) | SHORT | lora
    folder, call = written(
        Format.TRANSFORMERS, learnt(tmp_path, "language-model", **given), tmp_path / "out"
    )
    model = _transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    found = model(input_ids=call.inputs["tokens"], attention_mask=call.inputs["mask"]).logits
    assert torch.allclose(found, call.answer, atol=1e-5)


def test_a_vision_transformer_is_loaded_by_transformers(tmp_path: Path) -> None:
    given = VIT | LORA | {"classes": "benign, malignant"}
    folder, call = written(Format.TRANSFORMERS, learnt(None, "images", **given), tmp_path / "out")
    model = _transformers.AutoModelForImageClassification.from_pretrained(folder).eval()
    assert torch.allclose(model(call.inputs["images"]).logits, call.answer, atol=1e-5)
    assert json.loads((folder / "config.json").read_text())["id2label"]["1"] == "malignant"


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("tabular", TABLE),
        ("images", CNN),
        ("text", {"pooling": "mean", "train": "head"}),
        ("language-model", LORA),
        ("own-code", {"columns": "x"}),
    ],
)
def test_torchscript_answers_records_of_any_number_and_length(
    tmp_path: Path, name: str, given: dict[str, str]
) -> None:
    code = OWN if name == "own-code" else None
    one = learnt(None, name, code, **given)
    folder, call = written(Format.TORCHSCRIPT, one, tmp_path / "out")
    with pytest.warns(DeprecationWarning, match="torch.jit.load"):
        again = torch.jit.load(str(folder / "model.ts"))  # type: ignore[no-untyped-call]
    assert torch.allclose(again(*call.tensors), call.answer, atol=1e-5)


def test_onnx_answers_records_of_any_number_and_length(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="securefed[onnx] is not installed")
    one = learnt(None, "own-code", LONG, columns="x")
    folder, call = written(Format.ONNX, one, tmp_path / "out")
    session = runtime.InferenceSession(
        str(folder / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    [found] = session.run(None, {name: one.numpy() for name, one in call.inputs.items()})
    assert torch.allclose(torch.from_numpy(found), call.answer, atol=1e-5)


def test_calls_differ_in_every_size_that_records_differ_in() -> None:
    one = learnt(None, "text")
    first, other = calls_of(one.recipe, one.model)
    assert differing(first, other) == {
        (name, place) for name in ("tokens", "mask") for place in (0, 1)
    }


class Fixed(nn.Linear):
    """Answers by a number that tracing takes for a constant."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(inputs) + float(inputs.sum())


class Sized(nn.Linear):
    """Answers as often as there were records when it was traced."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(inputs) + torch.zeros(int(torch.tensor(len(inputs))), 1)


@pytest.mark.parametrize("kind", [Fixed, Sized])
def test_a_form_that_answers_otherwise_is_refused(tmp_path: Path, kind: type[nn.Module]) -> None:
    one = learnt(None, "tabular", **{**TABLE, "model": "logistic"})
    with pytest.raises(ModelUnusable, match="TorchScript"):
        write_checked(Format.TORCHSCRIPT, one.recipe, kind(2, 1), tmp_path)


class Branching(nn.Linear):
    """Does other things for other values, which no graph of tensors can."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(inputs if inputs.sum() > 0 else -inputs)


def test_an_onnx_that_cannot_be_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="securefed[onnx] is not installed")
    one = learnt(None, "tabular", **{**TABLE, "model": "logistic"})
    with pytest.raises(ModelUnusable, match="ONNX"):
        write_checked(Format.ONNX, one.recipe, Branching(2, 1), tmp_path)


def test_without_onnx_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    one = learnt(None, "tabular", **TABLE)
    with pytest.raises(ModelUnusable, match="onnx is not installed") as refused:
        write_checked(Format.ONNX, one.recipe, one.model, tmp_path)
    assert "securefed[onnx]" in refused.value.remedy


@pytest.mark.parametrize("form", [one for one in Format if one is not Format.SAFETENSORS])
def test_what_stays_at_the_sites_cannot_be_written(tmp_path: Path, form: Format) -> None:
    one = learnt(None, "recommender", items="5", user_rows="7")
    with pytest.raises(ModelUnusable, match=r"never leaves the sites: user\.weight"):
        write_checked(form, one.recipe, one.model, tmp_path)


def test_a_model_that_is_called_with_more_than_tensors_is_refused(tmp_path: Path) -> None:
    one = learnt(None, "recommender", items="5", users="records")
    with pytest.raises(ModelUnusable, match="more than tensors"):
        write_checked(Format.TORCHSCRIPT, one.recipe, one.model, tmp_path)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("tabular", TABLE, "no place for a model of the family mlp"),
        ("images", CNN, "no place for a model of the family cnn-classifier"),
        ("text", {}, "tokenizer of its own"),
        ("language-model", {}, "tokenizer of its own"),
    ],
)
def test_what_transformers_has_no_place_for_is_said(
    tmp_path: Path, name: str, given: dict[str, str], said: str
) -> None:
    one = learnt(None, name, **given)
    with pytest.raises(ModelUnusable, match=said):
        write_checked(Format.TRANSFORMERS, one.recipe, one.model, tmp_path)
