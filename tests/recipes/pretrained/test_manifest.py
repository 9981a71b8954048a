"""What a model folder may hold, and the one digest over it."""

import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from securefed.domain.canonical import digest_of
from securefed.errors import ModelUnusable
from securefed.recipes.pretrained.manifest import manifest_digest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    (made / "config.json").write_text('{"model_type": "bert"}')
    save_file({"weight": torch.ones(3)}, made / "model.safetensors")
    return made


def test_the_digest_is_one_over_names_and_digests(folder: Path) -> None:
    (folder / "config.json").write_bytes(b"{}")
    (folder / "model.safetensors").write_bytes(b"")
    (folder / "more").mkdir()
    (folder / "more" / "a.txt").write_bytes(b"abc")
    expected = (
        b'[["config.json","44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"],'
        b'["model.safetensors",'
        b'"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],'
        b'["more/a.txt","ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]]'
    )
    assert manifest_digest(folder) == digest_of("model-folder", expected)


def test_any_other_name_or_byte_is_another_digest(folder: Path) -> None:
    before = manifest_digest(folder)
    (folder / "vocab.txt").write_text("a")
    with_vocabulary = manifest_digest(folder)
    (folder / "vocab.txt").write_text("b")
    changed = manifest_digest(folder)
    (folder / "vocab.txt").rename(folder / "words.txt")
    assert len({before, with_vocabulary, changed, manifest_digest(folder)}) == 4


def test_the_place_of_the_folder_does_not_matter(folder: Path) -> None:
    before = manifest_digest(folder)
    assert manifest_digest(folder.rename(folder.parent / "elsewhere")) == before


@pytest.mark.parametrize(
    "name",
    [
        *("pytorch_model.bin", "model.pt", "model.pth", "weights.pkl", "model.ckpt"),
        *("flax_model.msgpack", "tf_model.h5", "model.onnx", "rust_model.ot", "model.gguf"),
        *(
            "model.npz",
            "archive.zip",
            "modeling_mine.py",
            "MODEL.BIN",
            "noname",
            "a.safetensors.pkl",
        ),
        *("deep/inside/pytorch_model.bin", ".cache/state.metadata"),
    ],
)
def test_what_could_be_a_pickle_or_code_is_refused_by_name(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(pickle.dumps([1]))
    with pytest.raises(ModelUnusable, match=name):
        manifest_digest(folder)


def test_links_are_refused_wherever_they_lead(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret.txt"
    outside.write_text("kept")
    (folder / "vocab.txt").symlink_to(outside)
    with pytest.raises(ModelUnusable, match=r"vocab\.txt"):
        manifest_digest(folder)
    (folder / "vocab.txt").unlink()
    (folder / "more").symlink_to(tmp_path)
    with pytest.raises(ModelUnusable, match="more"):
        manifest_digest(folder)
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(ModelUnusable):
        manifest_digest(tmp_path / "link")


def test_a_pipe_is_refused_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "vocab.txt")
    with pytest.raises(ModelUnusable, match=r"vocab\.txt"):
        manifest_digest(folder)


@pytest.mark.parametrize("lacking", ["config.json", "model.safetensors"])
def test_a_folder_without_configuration_or_weights_is_no_model(folder: Path, lacking: str) -> None:
    (folder / lacking).unlink()
    with pytest.raises(ModelUnusable):
        manifest_digest(folder)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="no model folder gone"):
        manifest_digest(tmp_path / "gone")


@pytest.mark.parametrize(
    ("file", "settings"),
    [
        ("config.json", {"auto_map": {"AutoModel": "mine.Model"}}),
        ("config.json", {"text_config": {"auto_map": {"AutoModel": "hub/repo--mine.Model"}}}),
        ("config.json", {"parts": [{"auto_map": {"AutoModel": "mine.Model"}}]}),
        ("config.json", {"quantization_config": {"quant_method": "gptq"}}),
        ("config.json", {"attn_implementation": "somebody/kernel"}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["mine.Words", None]}}),
        ("model.safetensors.index.json", {"weight_map": {"weight": "weights.dat"}}),
        ("model.safetensors.index.json", {"weight_map": {"weight": "../other/model.safetensors"}}),
        ("model.safetensors.index.json", {"weight_map": {"weight": "gone.safetensors"}}),
        ("model.safetensors.index.json", {"weight_map": {"weight": 1}}),
        ("model.safetensors.index.json", {}),
        ("model.safetensors.index.json", []),
    ],
)
def test_settings_that_would_run_or_fetch_something_are_refused(
    folder: Path, file: str, settings: object
) -> None:
    (folder / file).write_text(json.dumps(settings))
    with pytest.raises(ModelUnusable, match=file):
        manifest_digest(folder)


def test_an_adapter_that_names_another_model_is_refused(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "somebody/model"}')
    with pytest.raises(ModelUnusable, match=r"adapter_config\.json"):
        manifest_digest(folder)


@pytest.mark.parametrize("content", [b"{", b"\xff{}", b"[" * 100_000])
def test_a_configuration_that_is_not_json(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    with pytest.raises(ModelUnusable, match=r"config\.json"):
        manifest_digest(folder)


@settings(max_examples=20, deadline=None)
@given(st.permutations(["config.json", "model.safetensors", "a.txt", "b.txt", "c/a.txt"]))
def test_the_order_in_which_files_were_made_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    digests = set()
    for order in (names, sorted(names)):
        made = tmp_path_factory.mktemp("model")
        for name in order:
            (made / name).parent.mkdir(exist_ok=True)
            (made / name).write_text("{}")
        digests.add(manifest_digest(made))
    assert len(digests) == 1
