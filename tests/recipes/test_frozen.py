"""Features of a frozen part go from one model to the next, and only where both are the same."""

from pathlib import Path
from typing import Any

import pytest
import torch

from securefed.recipes import frozen
from securefed.recipes.frozen import FeatureMemory, Features
from tests.recipes.text.test_recipe import tiny


class Counted:
    """A head's model, how often its encoder was asked, and what it says."""

    def __init__(self, memory: FeatureMemory | None, **settings: Any) -> None:
        self.recipe = tiny(train="head", pooling="mean", **settings)
        model: Any = self.recipe.model()
        self.model = model
        self.asked = 0
        forward = model.encoder.forward

        def counted(**given: Any) -> Any:
            self.asked += 1
            return forward(**given)

        model.encoder.forward = counted
        if memory is not None:
            model.remember_in(memory)

    def losses(self, folder: Path) -> torch.Tensor:
        batch = self.recipe.collate(self.recipe.mock(20, 0, folder))
        return self.recipe.losses(self.model, batch).detach()


def test_the_next_model_is_given_what_the_last_one_kept(tmp_path: Path) -> None:
    memory = FeatureMemory()
    first, second, alone = Counted(memory), Counted(memory), Counted(None)
    assert torch.equal(first.losses(tmp_path), second.losses(tmp_path))
    assert torch.equal(first.losses(tmp_path), alone.losses(tmp_path))
    assert (first.asked, second.asked, alone.asked) == (1, 0, 1)


def test_an_encoder_with_other_weights_is_given_nothing(tmp_path: Path) -> None:
    memory = FeatureMemory()
    first, other = Counted(memory), Counted(None)
    before = first.losses(tmp_path)
    with torch.no_grad():
        next(other.model.encoder.parameters())[:] += 1
    other.model.remember_in(memory)
    assert not torch.equal(other.losses(tmp_path), before)
    assert other.asked == 1


def test_an_encoder_that_computes_otherwise_is_given_nothing(tmp_path: Path) -> None:
    memory = FeatureMemory()
    first, other = Counted(memory), Counted(None)
    first.losses(tmp_path)
    other.model.encoder.config.num_attention_heads += 1
    other.model.remember_in(memory)
    other.losses(tmp_path)
    assert other.asked == 1


def test_an_encoder_that_is_trained_keeps_nothing() -> None:
    memory = FeatureMemory()
    model: Any = tiny(train="all", pooling="mean").model()
    model.remember_in(memory)
    before = memory.of(model.encoder)
    assert memory.of(model.encoder) is before


def test_there_is_a_bound_on_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "_MOST_BYTES", 100)
    kept = Features()
    kept.add({b"1": torch.zeros(20), b"2": torch.zeros(20), b"3": torch.zeros(2)})
    assert (b"1" in kept, b"2" in kept, b"3" in kept) == (True, False, True)
