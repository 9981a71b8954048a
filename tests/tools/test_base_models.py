"""What the shipped models learnt from: made-up pictures and Python's manual, nothing else."""

from collections.abc import Iterator

import pytest
import torch

from tools.base_models.fitting import fit
from tools.base_models.manual import paragraphs
from tools.base_models.pictures import SIDE, made_up

pytestmark = pytest.mark.slow


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Two are slower where the machine is busy and the model small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_pictures_are_made_from_the_seed_alone() -> None:
    one, told = made_up(20, seed=3)
    again, told_again = made_up(20, seed=3)
    assert one.equal(again)
    assert told.equal(told_again)
    assert not one.equal(made_up(20, seed=4)[0])
    assert one.shape == (20, 3, SIDE, SIDE)
    assert -1 <= float(one.min()) < float(one.max()) <= 1


def test_what_is_told_of_them_has_mean_zero_and_spread_one() -> None:
    _, told = made_up(50, seed=0)
    assert told.mean(0).abs().max() < 1e-5
    assert torch.allclose(told.std(0, correction=0), torch.ones(told.shape[1]), atol=1e-4)


def test_the_manual_is_prose_in_whole_paragraphs() -> None:
    found = paragraphs()
    assert len(found) > 1000
    assert len(found) == len(set(found))
    assert not any("\n" in one for one in found)


@pytest.mark.usefixtures("one_thread")
def test_fitting_finds_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    inputs = torch.linspace(-1, 1, 64).unsqueeze(1)
    model = torch.nn.Linear(1, 1)

    def loss(numbers: torch.Tensor) -> torch.Tensor:
        wanted = 2 * inputs[numbers] + 1
        return (model(inputs[numbers]) - wanted).square().mean()

    fit(model, loss, 64, epochs=25, batch=16, rate=0.1)
    assert model.weight.item() == pytest.approx(2, abs=0.1)
    assert model.bias.item() == pytest.approx(1, abs=0.1)
    assert "epoch 25 of 25" in capsys.readouterr().out
