"""Own code: only the approved bytes run, they see what the study names, and no failure talks."""

import math
from pathlib import Path

import pytest
import torch

from securefed.errors import (
    AssetMismatch,
    ConfigInvalid,
    LossUnusable,
    ModelUnusable,
    SecurefedError,
    SelfTestFailed,
    TrainingFailed,
    UnsupportedLayer,
)
from securefed.recipes.recipe import Recipe
from securefed.recipes.records import Records
from securefed.recipes.registry import recipe_for
from tests.recipes.stated import own_recipe, stated

EXAMPLE = (Path(__file__).parents[2] / "docs" / "my_model.py").read_bytes()
SMALL = """
import torch
def model(): return torch.nn.Linear(1, 1)
def collate(records): return {"x": torch.tensor(records.columns["x"]).float().unsqueeze(1)}
def losses(model, batch): return model(batch["x"]).squeeze(1).square()
def mock(records, seed): return {"x": [float(i) for i in range(records)]}
"""
PRIVATE = Records(columns={"x": ["patient zero"], "y": ["hidden"]}, folder=Path())
NUMBERS = Records(columns={"x": [1.0, 2.0]}, folder=Path())


def small(more: str = "", **given: str) -> Recipe:
    return own_recipe((SMALL + more).encode(), **{"columns": "x", **given})


def test_other_bytes_than_the_approved_ones_do_not_run(tmp_path: Path) -> None:
    approved = stated("own-code", {"columns": "x"}, own_code=SMALL.encode())
    trace = tmp_path / "ran"
    other = SMALL + f"\nopen({str(trace)!r}, 'w').close()\n"
    with pytest.raises(AssetMismatch):
        recipe_for(approved, None, other.encode())
    assert not trace.exists()


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("def model(:", "not Python in line 1"),
        ("def model(): pass\0", "not Python"),
        (SMALL.replace("def mock", "def mocked"), r"mock\(\)"),
        (SMALL.replace("def losses", "def lost"), r"losses\(\)"),
        (SMALL + "def tallies(model, batch): return batch['x']", "belong together"),
        (SMALL + "losses = 3", r"losses\(\)"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(code: str, named: str) -> None:
    with pytest.raises(ConfigInvalid, match=named):
        own_recipe(code.encode(), columns="x")


@pytest.mark.parametrize("given", [{}, {"columns": "x", "family": "No Name"}])
def test_a_study_names_the_columns_and_the_family(given: dict[str, str]) -> None:
    with pytest.raises(ConfigInvalid):
        own_recipe(SMALL.encode(), **given)


def test_it_is_given_the_columns_that_the_study_names_and_no_others() -> None:
    seen = small("def collate(records): raise KeyError if 'y' in records.columns else OSError")
    with pytest.raises(TrainingFailed, match="OSError"):
        seen.collate(PRIVATE)


RAISING = {
    "in a text": "raise ValueError(cell)",
    "in the name of a class": "raise type(cell, (ValueError,), {'__module__': 'builtins'})()",
    "in an error of ours": "from securefed.errors import NotFound; raise NotFound(cell)",
    "in an exit": "raise SystemExit(cell)",
    "in a class of no family": "raise type(cell, (BaseException,), {})(cell)",
    "in a chain": "raise ValueError(cell) from OSError(cell)",
}


@pytest.mark.parametrize("line", RAISING.values(), ids=RAISING)
def test_no_failure_carries_a_private_value(line: str) -> None:
    talking = small(f"def collate(records):\n    cell = records.columns['x'][0]\n    {line}\n")
    with pytest.raises(TrainingFailed) as caught:
        talking.collate(PRIVATE)
    seen: BaseException | None = caught.value
    assert "collate()" in str(seen)
    assert "zero" not in f"{seen}{seen!r}{vars(caught.value)}"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [("ValueError", "ValueError"), ("NotFound", "SecurefedError"), ("SystemExit", "SystemExit")],
)
def test_a_failure_says_which_of_pythons_own_it_was(name: str, kind: str) -> None:
    code = f"from securefed.errors import NotFound\ndef model(): raise {name}('x')\n"
    with pytest.raises(TrainingFailed, match=rf"model\(\) .* ended with {kind}$"):
        small(code).model()


def test_a_person_can_still_stop_it() -> None:
    with pytest.raises(KeyboardInterrupt):
        small("def model(): raise KeyboardInterrupt").model()


def test_the_engines_word_on_a_layer_passes() -> None:
    def refusing(inputs: torch.Tensor) -> torch.Tensor:
        raise UnsupportedLayer("no rule", where=str(len(inputs)))

    with pytest.raises(UnsupportedLayer):
        small().losses(refusing, small().collate(NUMBERS))


def test_it_does_not_reach_what_the_engine_wraps_around_a_model() -> None:
    curious = small("def losses(model, batch): return model.weight.sum()")
    with pytest.raises(TrainingFailed, match="AttributeError"):
        curious.losses(curious.model(), curious.collate(NUMBERS))


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("def model(): return 3", ModelUnusable),
        ("def collate(records): return records", TrainingFailed),
        ("def collate(records): return {'x': torch.zeros(7)}", TrainingFailed),
        ("def collate(records): return {'x': torch.tensor(1.0)}", TrainingFailed),
        ("def losses(model, batch): return model(batch['x']).mean()", LossUnusable),
        ("def losses(model, batch): return [1.0]", LossUnusable),
        ("def mock(records, seed): return {'x': []}", SelfTestFailed),
        ("def mock(records, seed): return {'z': [1.0] * records}", SelfTestFailed),
        ("def mock(records, seed): return {'x': [object()] * records}", SelfTestFailed),
        ("def mock(records, seed): return None", SelfTestFailed),
    ],
)
def test_what_it_returns_is_checked(code: str, error: type[SecurefedError]) -> None:
    tried = small(code)
    with pytest.raises(error):
        tried.losses(tried.model(), tried.collate(tried.mock(2, 1, Path())))


BROKEN_TALLIES = """
def tallies(model, batch): return batch["x"] * torch.tensor([[1e38, 5.0]])
def metrics(tally): return {"first": float(tally[0]), "second": "much", "third": float("nan")}
"""


def test_a_model_that_the_file_made_once_begins_anew_each_time() -> None:
    once = "ONCE = torch.nn.Linear(1, 1)\ndef model(): return ONCE\n"
    torch.manual_seed(1)
    tried = small(once)
    first = tried.model()
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.fill_(99.0)
    torch.manual_seed(2)
    again, elsewhere = tried.model().state_dict(), small(once).model().state_dict()
    assert all(torch.equal(one, elsewhere[name]) for name, one in again.items())


def test_tallies_of_its_own_are_cut_to_the_bound() -> None:
    tried = small(BROKEN_TALLIES)
    for number in (1.0, math.inf, math.nan, 1e-9):
        records = Records(columns={"x": [number, 0.0]}, folder=Path())
        rows = tried.tallies(tried.model(), tried.collate(records))
        assert rows.isfinite().all()
        assert rows.norm(dim=1).max() <= 1 + 1e-6
    found = tried.metrics(torch.ones(2))
    assert found["first"] == 1
    assert math.isnan(found["second"])
    assert math.isnan(found["third"])


def test_tallies_of_another_shape_are_refused() -> None:
    tried = small(
        "def tallies(model, batch): return batch['x'].sum()\ndef metrics(tally): return 3\n"
    )
    with pytest.raises(TrainingFailed, match="tallies"):
        tried.tallies(tried.model(), tried.collate(NUMBERS))
    with pytest.raises(TrainingFailed, match="metrics"):
        tried.metrics(torch.ones(2))


def test_without_tallies_the_mean_loss_is_the_figure() -> None:
    tried = small(largest_loss="100")
    model, batch = tried.model(), tried.collate(NUMBERS)
    found = tried.metrics(tried.tallies(model, batch).sum(0))
    mean = tried.losses(model, batch).mean().item()
    assert found == pytest.approx({"loss": mean}, rel=1e-5)


def test_the_example_of_the_docs_is_whole() -> None:
    tried = own_recipe(EXAMPLE, columns="age, systolic, emergency, readmitted", family="skipping")
    assert str(tried.family) == "skipping"
    assert [need.name for need in tried.needs()] == ["age", "systolic", "emergency", "readmitted"]
    torch.manual_seed(1)
    first = tried.model().state_dict()
    torch.manual_seed(2)
    assert all(torch.equal(one, first[name]) for name, one in tried.model().state_dict().items())
    batch = tried.collate(tried.mock(9, 1, Path()))
    assert tried.losses(tried.model(), batch).shape == (9,)
    assert set(tried.metrics(tried.tallies(tried.model(), batch).sum(0))) == {"accuracy"}
