"""A round that begins with an exported model: the site trains from the weights that are pinned."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from securefed.adapters.opacus_training.round_in_walls import Folders, RoundsInWalls
from securefed.domain.identifiers import Digest
from securefed.domain.run_order import UPDATE, RunOrder
from securefed.errors import AssetMismatch, ModelUnusable
from securefed.recipes.layout import Values
from tests.adapters.opacus_training.plain import CountingGate
from tests.adapters.ordered import TABULAR_PARAMETERS, an_order, expected, people, row_of
from tests.recipes.exports import exported
from tests.recipes.stated import stated

pytestmark = pytest.mark.slow

CODE = Digest("sha256:" + "1" * 64)


def started(folder: Path, digest: str, **given: str) -> RunOrder:
    parameters: Mapping[str, str] = {
        **TABULAR_PARAMETERS,
        **{"start": "first", "start_sha256": digest},
        **given,
    }
    order = an_order(people(folder))
    return replace(order, recipe=stated("tabular", parameters), assets=str(folder / "assets"))


def trained(order: RunOrder, folder: Path) -> Values:
    folders = Folders(given=folder / "given", made=folder / "made")
    for one in (folders.given, folders.made):
        one.mkdir()
    rounds = RoundsInWalls(CODE, lambda: CODE)
    gate = CountingGate()
    try:
        rounds.run(order.text(), folders, gate)
    finally:
        rounds.close()
    return row_of((folders.made / UPDATE).read_bytes())


def test_a_site_trains_from_the_start(tmp_path: Path) -> None:
    digest, weights = exported(tmp_path / "assets" / "first", "tabular", TABULAR_PARAMETERS)
    order = started(tmp_path, digest)
    row = np.concatenate([weights["bias"], weights["weight"].ravel()])
    assert np.abs(row).min() > 0
    update = trained(order, tmp_path)
    _, same = expected(replace(order, recipe=stated("tabular", TABULAR_PARAMETERS)), row)
    _, other = expected(replace(order, recipe=stated("tabular", TABULAR_PARAMETERS)))
    assert np.allclose(update, same, atol=1e-4)
    assert not np.allclose(update, other, atol=1e-2)


def test_a_site_with_another_model_charges_no_step(tmp_path: Path) -> None:
    digest, _ = exported(tmp_path / "assets" / "first", "tabular", TABULAR_PARAMETERS)
    exported(tmp_path / "assets" / "first", "tabular", TABULAR_PARAMETERS, seed=2)
    with pytest.raises(AssetMismatch):
        trained(started(tmp_path, digest), tmp_path)
    assert list((tmp_path / "made").iterdir()) == []


def test_a_site_without_the_model_charges_no_step(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="no model folder first"):
        trained(started(tmp_path, "sha256:" + "0" * 64), tmp_path)
    assert list((tmp_path / "made").iterdir()) == []
