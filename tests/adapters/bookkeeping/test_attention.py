"""torch's own attention answers as before and agrees with autograd on each record alone."""

import pytest
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.bookkeeping import BookkeepingModule
from tests.adapters.bookkeeping.oracle import assert_exact, squares


class Attends(nn.Module):
    """Attention from one text to another, or to itself, with masks and without."""

    def __init__(self, *, batch_first: bool, itself: bool, masked: bool, bias: bool = True) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(8, 2, batch_first=batch_first, bias=bias)
        self.itself, self.masked = itself, masked

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        # The last position of the other text is padding in every second record.
        padding = torch.zeros(other.shape[:2], dtype=torch.bool)
        padding[other[:, -1, 0] > 0, -1] = True
        masks = {}
        if not self.layer.batch_first:
            x, other = x.transpose(0, 1), other.transpose(0, 1)
        if self.masked:
            forbidden = torch.ones(5, 5, dtype=torch.bool).triu(1)
            masks = {"attn_mask": forbidden, "key_padding_mask": padding}
        texts = (other, other, other) if self.itself else (x, other, other)
        answer, weights = self.layer(*texts, **masks)
        answer = answer if self.layer.batch_first else answer.transpose(0, 1)
        return torch.cat([answer.flatten(1), weights.flatten(1)], dim=1)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("itself", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_attention(batch_first: bool, itself: bool, masked: bool) -> None:
    model = Attends(batch_first=batch_first, itself=itself, masked=masked).double()
    batch = (torch.randn(4, 5, 8).double(), torch.randn(4, 5, 8).double())
    expected = model(*batch)
    module = BookkeepingModule(model)
    torch.testing.assert_close(module(*batch), expected)
    assert_exact(module.detach(), batch, squares)


def test_attention_without_bias() -> None:
    model = Attends(batch_first=True, itself=False, masked=False, bias=False).double()
    assert_exact(model, (torch.randn(4, 5, 8).double(), torch.randn(4, 5, 8).double()), squares)


def test_a_transformer_of_torch_itself() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True)
    assert_exact(
        nn.TransformerEncoder(layer, 2, enable_nested_tensor=False),
        (torch.randn(4, 5, 8),),
        squares,
    )
