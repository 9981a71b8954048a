"""LoRA's core: it begins as nothing, adds what lies between fixed directions, and can be merged."""

import pytest
import torch
from torch import nn

from securefed.errors import ModelUnusable
from securefed.recipes.pretrained.core import CoreLora


def layer(into: int = 6, out: int = 4) -> nn.Linear:
    torch.manual_seed(3)
    return nn.Linear(into, out)


def test_it_begins_as_the_layer_and_trains_the_core_alone() -> None:
    base = layer()
    lora, given = CoreLora(base, 2, 0.5), torch.randn(5, 6)
    assert torch.equal(lora(given), base(given))
    trained = [name for name, one in lora.named_parameters() if one.requires_grad]
    assert trained == ["core.weight"]
    assert lora.core.weight.shape == (2, 2)


@pytest.mark.parametrize(("into", "out"), [(6, 4), (4, 6)])
def test_a_core_of_full_rank_that_counts_once_doubles_the_weight(into: int, out: int) -> None:
    base = layer(into, out)
    lora = CoreLora(base, 4, 1.0)
    with torch.no_grad():
        lora.core.weight.copy_(torch.eye(4))
    given = torch.randn(5, into)
    torch.testing.assert_close(lora(given), 2 * given @ base.weight.T + base.bias)


def test_merged_it_is_the_layer_by_itself() -> None:
    lora, given = CoreLora(layer(), 2, 0.5), torch.randn(5, 6)
    with torch.no_grad():
        lora.core.weight.normal_()
        answer = lora(given)
        lora.merge()
    torch.testing.assert_close(lora.get_base_layer()(given), answer)
    torch.testing.assert_close(lora(given), answer)


def test_directions_have_one_sign_whatever_the_library_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cores of two sites can only be added up where they lie between the same directions."""
    base, right = layer(), torch.linalg.svd
    one = CoreLora(base, 3, 1.0)

    def turned(weight: torch.Tensor, **how: bool) -> tuple[torch.Tensor, ...]:
        left, sizes, directions = right(weight, **how)
        signs = torch.tensor([-1.0, 1.0, -1.0, 1.0]).double()
        return left * signs, sizes, directions * signs.unsqueeze(1)

    monkeypatch.setattr(torch.linalg, "svd", turned)
    other = CoreLora(base, 3, 1.0)
    assert torch.equal(one.up.weight, other.up.weight)
    assert torch.equal(one.down.weight, other.down.weight)


@pytest.mark.parametrize("rank", [2, 3])
def test_directions_that_sites_could_find_differently_are_refused(rank: int) -> None:
    base = nn.Linear(4, 4)
    with torch.no_grad():
        base.weight.copy_(torch.diag(torch.tensor([3.0, 2.0, 2.0, 1.0])))
    with pytest.raises(ModelUnusable, match="equally large"):
        CoreLora(base, rank, 1.0)
    assert CoreLora(base, 1, 1.0).core.weight.shape == (1, 1)


def test_only_linear_layers_that_are_large_enough() -> None:
    for base, rank in ((layer(), 5), (nn.Embedding(6, 4), 2)):
        with pytest.raises(ModelUnusable, match="core"):
            CoreLora(base, rank, 1.0)
