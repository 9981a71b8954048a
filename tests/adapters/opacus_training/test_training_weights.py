"""Weights into a run and out of it: by name, all of them, and what is kept stays apart."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.training import train
from securefed.adapters.opacus_training.weights import Weights
from securefed.errors import ModelUnusable
from tests.adapters.opacus_training.plain import (
    WIDTH,
    CountingGate,
    PlainRecipe,
    mechanism,
    plain_run,
    still,
)

pytestmark = pytest.mark.slow


class Three(nn.Module):
    """A frozen layer, one that is kept, one that is shared."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen, self.own, self.out = nn.Linear(4, 4), nn.Linear(4, 3), nn.Linear(3, 1)
        self.frozen.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.tanh(self.own(self.frozen(x))))


class Keeping(PlainRecipe):
    kept = frozenset({"own.weight", "own.bias"})

    def model(self) -> nn.Module:
        return Three()


def start() -> Weights:
    return {"weight": torch.ones(1, WIDTH), "bias": torch.zeros(1)}


WRONG: dict[str, Callable[[Weights], Weights]] = {
    "a name too few": lambda one: {"weight": one["weight"]},
    "a name too many": lambda one: one | {"more": torch.zeros(1)},
    "another name": lambda one: {"weight": one["weight"], "bias.": one["bias"]},
    "another shape": lambda one: one | {"weight": torch.ones(WIDTH, 1)},
    "a shape that broadcasts": lambda one: one | {"weight": torch.ones(1, 1)},
    "double": lambda one: one | {"weight": one["weight"].double()},
    "half": lambda one: one | {"weight": one["weight"].half()},
    "whole numbers": lambda one: one | {"weight": one["weight"].int()},
    "no number": lambda one: one | {"bias": torch.tensor([float("nan")])},
    "infinite": lambda one: one | {"bias": torch.tensor([float("inf")])},
    "nothing": lambda _: {},
}


@pytest.mark.parametrize("what", WRONG)
def test_weights_of_another_model_are_refused_before_the_gate(tmp_path: Path, what: str) -> None:
    gate = CountingGate()
    with pytest.raises(ModelUnusable):
        train(plain_run(tmp_path, weights=WRONG[what](start())), gate)
    assert gate.passed == []


def test_training_begins_with_the_weights_that_it_is_given(tmp_path: Path) -> None:
    given = start()
    run = plain_run(tmp_path, weights=given, mechanism=mechanism(1, "1e-20", "1e-12"))
    trained = train(run, CountingGate())
    for name, one in start().items():
        assert torch.allclose(trained.weights[name], one)
        assert torch.equal(given[name], one)


def test_what_is_kept_is_not_among_the_weights_and_comes_back_in(tmp_path: Path) -> None:
    run = plain_run(tmp_path, recipe=Keeping(), mechanism=still(2))
    first = train(run, CountingGate())
    assert first.weights.keys() == {"out.weight", "out.bias"}
    assert first.kept.keys() == Keeping.kept
    second = replace(run, weights=first.weights, kept=first.kept)
    on = train(second, CountingGate())
    whole = train(replace(run, mechanism=still(4)), CountingGate())
    for name, one in (whole.weights | whole.kept).items():
        assert torch.allclose((on.weights | on.kept)[name], one, rtol=1e-4, atol=1e-6)


def test_what_is_kept_does_not_come_in_as_shared_or_the_other_way_round(tmp_path: Path) -> None:
    run = plain_run(tmp_path, recipe=Keeping(), mechanism=still(1))
    first = train(run, CountingGate())
    for wrong in (
        replace(run, weights=first.weights | first.kept),
        replace(run, weights=first.kept),
        replace(run, kept=first.weights),
        replace(run, kept=first.kept | first.weights),
    ):
        with pytest.raises(ModelUnusable):
            train(wrong, CountingGate())


class KeepingNothing(PlainRecipe):
    kept = frozenset({"frozen.weight"})

    def model(self) -> nn.Module:
        return Three()


def test_a_kept_name_that_is_not_trained_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"frozen\.weight"):
        train(plain_run(tmp_path, recipe=KeepingNothing()), CountingGate())


def test_the_weights_that_come_out_are_copies(tmp_path: Path) -> None:
    model = nn.Linear(WIDTH, 1)

    class Same(PlainRecipe):
        def model(self) -> nn.Module:
            return model

    trained = train(plain_run(tmp_path, recipe=Same(), steps=1), CountingGate())
    before = trained.weights["weight"].clone()
    with torch.no_grad():
        model.weight.zero_()
    assert torch.equal(trained.weights["weight"], before)


def test_the_mean_of_iterates_is_what_comes_out_where_it_is_asked_for(tmp_path: Path) -> None:
    averaged = plain_run(tmp_path, recipe=PlainRecipe(average=True), mechanism=still(3))
    mean = train(averaged, CountingGate()).weights
    ends = [
        train(plain_run(tmp_path, mechanism=still(steps)), CountingGate()).weights
        for steps in (1, 2, 3)
    ]
    for name, one in mean.items():
        expected = torch.stack([end[name] for end in ends]).mean(0)
        assert torch.allclose(one, expected, rtol=1e-5)
