"""Fetching a model: one commit, checked, complete or not at all. The test serves the hub."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from securefed.errors import (
    AlreadyExists,
    AssetMismatch,
    ExitCode,
    HubUnreachable,
    ModelUnusable,
    NotFound,
    StorageFailed,
)
from securefed.recipes.pretrained.fetching import fetch_model
from securefed.recipes.pretrained.manifest import manifest_digest
from tests.recipes.pretrained.hub import COMMIT, Hub, serving

pytestmark = pytest.mark.slow

NAME = "somebody/tiny"
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "model.safetensors": save({"weight": torch.ones(300)}),
    "vocab.txt": b"[PAD]\n",
}
NEVER = {
    "pytorch_model.bin": b"pickle",
    "modeling.py": b"print()",
    "README.md": b"# Tiny",
    "onnx/config.json": b"{}",
    "../outside.txt": b"",
}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with serving(Hub(NAME, FILES | NEVER, large=("model.safetensors",))) as started:
        yield started


def fetched(hub: Hub, target: Path) -> str:
    return fetch_model(NAME, COMMIT, target, hub.endpoint)


def test_what_is_fetched_is_safe_complete_and_has_the_digest(hub: Hub, tmp_path: Path) -> None:
    digest = fetched(hub, tmp_path / "tiny")
    found = {path.name: path.read_bytes() for path in (tmp_path / "tiny").rglob("*")}
    assert found == FILES
    assert digest == manifest_digest(tmp_path / "tiny")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_twice_is_the_same_digest(hub: Hub, tmp_path: Path) -> None:
    assert fetched(hub, tmp_path / "one") == fetched(hub, tmp_path / "two")


def test_nothing_else_is_asked_for_and_no_credentials_are_sent(hub: Hub, tmp_path: Path) -> None:
    fetched(hub, tmp_path / "tiny")
    assert not [path for path in hub.asked if path.endswith((".bin", ".py", ".md", "outside.txt"))]
    assert hub.asked
    assert hub.credentials == []


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_a_file_that_is_not_what_the_hub_describes_leaves_nothing(
    hub: Hub, tmp_path: Path, file: str
) -> None:
    content = hub.files[file]
    hub.files[file] = content[:-1] + bytes([content[-1] ^ 1])
    with pytest.raises(AssetMismatch, match=file):
        fetched(hub, tmp_path / "tiny")
    assert list(tmp_path.iterdir()) == []


def test_a_model_with_code_of_its_own_is_not_kept(hub: Hub, tmp_path: Path) -> None:
    config = json.dumps({"auto_map": {"AutoModel": "modeling.Mine"}}).encode()
    hub.files["config.json"] = hub.told["config.json"] = config
    with pytest.raises(ModelUnusable, match="auto_map"):
        fetched(hub, tmp_path / "tiny")
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_has_only_pickles(hub: Hub, tmp_path: Path) -> None:
    del hub.told["model.safetensors"]
    with pytest.raises(ModelUnusable, match="safetensors"):
        fetched(hub, tmp_path / "tiny")


def test_a_refused_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(HubUnreachable) as caught:
            fetch_model(NAME, COMMIT, tmp_path / "tiny", endpoint)
    assert caught.value.exit_code is ExitCode.UNREACHABLE
    assert list(tmp_path.iterdir()) == []


def test_a_hub_that_fails(hub: Hub, tmp_path: Path) -> None:
    hub.status = 501
    with pytest.raises(HubUnreachable):
        fetched(hub, tmp_path / "tiny")


def test_a_model_that_the_hub_does_not_have(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="somebody/other"):
        fetch_model("somebody/other", COMMIT, tmp_path / "tiny", hub.endpoint)


@pytest.mark.parametrize("revision", ["main", "v1.0", COMMIT[:12], COMMIT.upper(), f"{COMMIT}\n"])
def test_a_branch_a_tag_or_a_short_commit_is_refused(
    hub: Hub, tmp_path: Path, revision: str
) -> None:
    with pytest.raises(ModelUnusable, match="not a full commit"):
        fetch_model(NAME, revision, tmp_path / "tiny", hub.endpoint)
    assert hub.asked == []


@pytest.mark.parametrize("name", ["", "../etc", "a/b/c", "https://hub/a", "a b", "a/../b"])
def test_a_name_that_no_hub_has(hub: Hub, tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelUnusable, match="not the name"):
        fetch_model(name, COMMIT, tmp_path / "tiny", hub.endpoint)
    assert hub.asked == []


def test_a_folder_that_is_there_stays_as_it_is(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    with pytest.raises(AlreadyExists):
        fetched(hub, tmp_path / "tiny")
    assert hub.asked == []


def test_a_place_that_is_not_there(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        fetched(hub, tmp_path / "gone" / "tiny")
