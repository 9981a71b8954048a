"""Any recipe begins with an exported model: the one that is pinned, or none."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from securefed.domain.exported import Format
from securefed.errors import AssetMismatch, ConfigInvalid, ModelUnusable
from securefed.recipes.built import built
from securefed.recipes.pretrained.manifest import manifest_digest
from securefed.recipes.recipe import Recipe
from securefed.recipes.registry import recipe_for
from tests.recipes.exports import TABLE, export, exported, parameters_of, trained
from tests.recipes.stated import stated

pytestmark = pytest.mark.slow


def begun(assets: Path | None, name: str = "tabular", **given: str) -> Recipe:
    settings = TABLE if name == "tabular" else {}
    return recipe_for(stated(name, {**settings, **given}), assets, None)


def test_training_begins_with_the_weights_of_the_folder(tmp_path: Path) -> None:
    digest, weights = exported(tmp_path / "first", "tabular", TABLE)
    recipe = begun(tmp_path, start="first", start_sha256=digest)
    for _ in range(2):
        found = parameters_of(recipe.model())
        assert found.keys() == weights.keys()
        assert all(np.array_equal(found[name], one) for name, one in weights.items())
    assert recipe.family == "mlp"
    records = recipe.mock(5, 0, tmp_path)
    batch = recipe.collate(records)
    assert recipe.losses(recipe.model(), batch).shape == (5,)
    assert set(recipe.metrics(recipe.tallies(recipe.model(), batch).sum(0))) >= {"accuracy"}
    assert (recipe.kept, len(recipe.needs())) == (frozenset(), 3)


def test_another_folder_under_the_name_is_refused(tmp_path: Path) -> None:
    """A site, or a coordinator, whose copy differs in one bit trains nothing."""
    digest, weights = exported(tmp_path / "first", "tabular", TABLE)
    other = {name: one.copy() for name, one in weights.items()}
    next(iter(other.values())).flat[0] += 1e-7
    export(tmp_path / "first", stated("tabular", TABLE), other)
    with pytest.raises(AssetMismatch):
        begun(tmp_path, start="first", start_sha256=digest)


@pytest.mark.parametrize("name", ["../first", "/etc", ".", "first/..", "-x"])
def test_a_start_lies_among_the_assets(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "assets"
    digest, _ = exported(tmp_path / "first", "tabular", TABLE)
    inside.mkdir()
    with pytest.raises(ModelUnusable):
        begun(inside, start=name, start_sha256=digest)


@pytest.mark.parametrize("there", [True, False])
def test_a_site_without_the_folder_says_so(tmp_path: Path, there: bool) -> None:
    with pytest.raises(ModelUnusable, match="no model folder first"):
        begun(tmp_path if there else None, start="first", start_sha256="sha256:" + "0" * 64)


def test_a_start_is_pinned(tmp_path: Path) -> None:
    exported(tmp_path / "first", "tabular", TABLE)
    with pytest.raises(ModelUnusable, match="pinned") as refused:
        begun(tmp_path, start="first")
    assert refused.value.where == "start_sha256"
    with pytest.raises(ConfigInvalid, match="no model to begin with"):
        begun(tmp_path, start_sha256="sha256:" + "0" * 64)


def test_weights_that_have_no_place_are_refused(tmp_path: Path) -> None:
    digest, _ = exported(tmp_path / "wide", "tabular", {**TABLE, "hidden": "8"})
    recipe = begun(tmp_path, start="wide", start_sha256=digest)
    with pytest.raises(ModelUnusable, match="in this model"):
        recipe.model()
    digest, _ = exported(tmp_path / "deep", "tabular", {**TABLE, "hidden": "4, 4"})
    with pytest.raises(ModelUnusable, match="in this model"):
        begun(tmp_path, start="deep", start_sha256=digest).model()


def test_a_head_for_other_classes_begins_anew(tmp_path: Path) -> None:
    digest, weights = exported(tmp_path / "first", "tabular", TABLE)
    classes = {"task": "multi-class", "classes": "low, middle, high"}
    given = {**classes, "start": "first", "start_sha256": digest}
    with pytest.raises(ModelUnusable, match="in this model"):
        begun(tmp_path, **given).model()
    found = parameters_of(begun(tmp_path, **given, start_without="2.").model())
    own = parameters_of(begun(None, **classes).model())
    assert np.array_equal(found["0.weight"], weights["0.weight"])
    assert torch.equal(found["2.weight"], own["2.weight"])
    for wrong in ("head", "0., 2."):
        with pytest.raises(ConfigInvalid):
            begun(tmp_path, **given, start_without=wrong)


def test_what_stays_at_a_site_begins_with_it_too(tmp_path: Path) -> None:
    digest, weights = exported(tmp_path / "first", "tabular", TABLE)
    recipe = begun(tmp_path, personal="2", start="first", start_sha256=digest)
    assert recipe.kept == {"2.bias", "2.weight"}
    found = parameters_of(recipe.model())
    assert all(np.array_equal(found[name], one) for name, one in weights.items())


def test_what_was_frozen_before_comes_along(tmp_path: Path) -> None:
    """A body that a first study trained stays what it was where a second one trains the head."""
    given = {"size": "8", "width": "4", "depth": "1"}
    digest, weights = exported(tmp_path / "body", "images", given)
    start = {"start": "body", "start_sha256": digest, "train": "head"}
    model = begun(tmp_path, "images", **given, **start).model()
    found = parameters_of(model)
    assert all(np.array_equal(found[name], one) for name, one in weights.items())
    assert {n for n, one in model.named_parameters() if one.requires_grad} == {
        *("head.bias", "head.weight")
    }


def begun_with_what_is_there(assets: Path) -> None:
    begun(assets, start="first", start_sha256=str(manifest_digest(assets / "first")))


def spoil_record(folder: Path) -> None:
    record = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**record, "more": 1}))


def swap_weights(folder: Path) -> None:
    found = load_file(folder / "model.safetensors")
    save_file({name: one + 1 for name, one in found.items()}, folder / "model.safetensors")


def not_finite(folder: Path) -> None:
    found = load_file(folder / "model.safetensors")
    save_file({name: one * np.nan for name, one in found.items()}, folder / "model.safetensors")


def doubles(folder: Path) -> None:
    found = load_file(folder / "model.safetensors")
    save_file(
        {name: one.astype(np.float64) for name, one in found.items()},
        folder / "model.safetensors",
    )


def add_pickle(folder: Path) -> None:
    (folder / "weights.bin").write_bytes(b"\x80\x04.")


def no_safetensors(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"no")


def no_record(folder: Path) -> None:
    (folder / "model.json").unlink()
    (folder / "config.json").write_text("{}")


def long_record(folder: Path) -> None:
    (folder / "model.json").write_bytes(b" " * 5_000_000)


@pytest.mark.parametrize(
    "spoil",
    [
        *(spoil_record, swap_weights, not_finite, doubles, add_pickle, no_safetensors),
        *(no_record, long_record),
    ],
)
def test_a_folder_that_is_no_whole_export_is_refused_with_its_own_digest(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    exported(tmp_path / "first", "tabular", TABLE)
    spoil(tmp_path / "first")
    with pytest.raises(ModelUnusable):
        begun_with_what_is_there(tmp_path)


def test_another_form_is_no_start(tmp_path: Path) -> None:
    statement = stated("tabular", TABLE)
    weights = trained(recipe_for(statement, None, None))
    digest = export(tmp_path / "first", statement, weights, Format.TRANSFORMERS)
    with pytest.raises(ModelUnusable, match="written for transformers"):
        begun(tmp_path, start="first", start_sha256=digest)


def test_a_model_is_built_again_from_all_of_its_weights(tmp_path: Path) -> None:
    statement = stated("tabular", {**TABLE, "start": "gone", "start_sha256": "sha256:"})
    _, weights = exported(tmp_path / "first", "tabular", TABLE)
    again = built(statement, weights, None, None)
    assert all(np.array_equal(one, weights[n]) for n, one in parameters_of(again.model).items())
    with pytest.raises(ModelUnusable, match="1 weights of the model"):
        built(statement, {n: one for n, one in weights.items() if n != "0.bias"}, None, None)
