"""Units of several records: one norm, one factor and at most one clip for all records of a unit."""

import pytest
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.bookkeeping import BookkeepingModule
from securefed.errors import LossUnusable
from tests.adapters.bookkeeping.models import (
    CollaborativeFilter,
    SmallVisionTransformer,
    TiedLanguageModel,
    convolutional,
    network,
)
from tests.adapters.bookkeeping.oracle import (
    Batch,
    Losses,
    assert_exact_for,
    assert_same,
    by_engine,
    clipped,
    cross_entropy,
    each_unit,
    gradients_of,
    next_token,
    norm,
    squares,
)

CLIP = 0.1
SLACK = 1 + 1e-4


def weighed(losses: Losses, weights: list[float]) -> Losses:
    """The losses of records that do not all count the same; the last part of a batch numbers its
    records, so that each is found in a part of the batch too."""
    heavy = torch.tensor(weights)

    def each(model: nn.Module, batch: Batch) -> Tensor:
        *rest, numbers = batch
        return losses(model, tuple(rest)) * heavy[numbers]

    return each


def test_a_unit_is_clipped_as_one_and_not_record_by_record() -> None:
    model, x = network(), torch.randn(6, 6)
    x[1::2] = x[::2]  # a unit of two equal records is twice as long as one of them
    alone, _ = by_engine(model, (x,), squares, CLIP)
    done, found = by_engine(model, (x,), squares, CLIP, rows=2)
    torch.testing.assert_close(done.norms, 2 * alone.norms[::2])
    torch.testing.assert_close(done.factors, CLIP / done.norms)
    assert norm(found) <= 3 * CLIP * SLACK


def test_rows_of_weight_zero_add_nothing() -> None:
    model, x, labels = convolutional(), torch.randn(6, 3, 9, 9), torch.randint(3, (6,))
    weights = [0.5, 0.5, 0.0, 1.0, 0.0, 0.0]
    parts = (x, labels, torch.arange(6))
    assert_exact_for(3, model, parts, weighed(cross_entropy, weights))
    few = [torch.tensor([0, 1]), torch.tensor([3])]
    gradients = [
        each_unit(model, tuple(part[one] for part in parts), weighed(cross_entropy, weights), 9)[0]
        for one in few
    ]
    _, found = by_engine(model, parts, weighed(cross_entropy, weights), CLIP, rows=3)
    assert_same(found, clipped(gradients, CLIP), 1e-5)


@pytest.mark.parametrize("rows", [2, 4, 8])
@pytest.mark.parametrize("weight", [1.0, 0.0])
@pytest.mark.parametrize("case", ["network", "images", "vit", "tied"])
def test_one_record_that_is_not_finite_silences_its_unit_alone(
    case: str, weight: float, rows: int
) -> None:
    images, labels = torch.randn(16, 1, 8, 8), torch.randint(3, (16,))
    model, losses, parts = _model_of(case, images, labels)
    batch = (*parts, torch.arange(16))
    weights = [1.0] * 16
    weights[5] = weight
    ill = 5 // rows
    expected = each_unit(model, batch, weighed(losses, weights), rows)
    del expected[ill]
    if case == "tied":
        weights[5] = float("nan")
    else:
        parts[0][5].view(-1)[0] = float("nan")
    done, found = by_engine(model, batch, weighed(losses, weights), CLIP, rows=rows)
    assert done.nonfinite == 1
    assert done.factors[ill] == 0
    assert_same(found, clipped(expected, CLIP), 1e-5)


def _model_of(case: str, images: Tensor, labels: Tensor) -> tuple[nn.Module, Losses, Batch]:
    if case == "tied":
        return TiedLanguageModel(60, 40), next_token, (torch.randint(9, (16, 6)),)
    if case == "network":
        return network(), cross_entropy, (images.flatten(1)[:, :6].clone(), labels)
    if case == "vit":
        return SmallVisionTransformer(), cross_entropy, (images, labels)
    return convolutional(), cross_entropy, (images.repeat(1, 3, 1, 1), labels)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("case", ["network", "images", "vit", "tied"])
def test_one_unit_moves_the_sum_by_at_most_the_clip(case: str, scale: float) -> None:
    images, labels = scale * torch.randn(16, 1, 8, 8), torch.randint(3, (16,))
    model, losses, parts = _model_of(case, images, labels)
    _, every = by_engine(model, parts, losses, CLIP, rows=4)
    _, fewer = by_engine(model, tuple(part[4:] for part in parts), losses, CLIP, rows=4)
    _, alone = by_engine(model, tuple(part[:4] for part in parts), losses, CLIP, rows=4)
    assert norm({name: every[name] - fewer[name] for name in every}) <= CLIP * SLACK
    assert norm(alone) <= CLIP * SLACK


@pytest.mark.parametrize("size", [1e3, 1e5, 1e7])
def test_a_unit_whose_records_cancel_in_a_matrix(size: float) -> None:
    layer, x, back = nn.Linear(300, 300, bias=False), torch.randn(1, 300), torch.randn(1, 300)
    _, found = by_engine(
        layer,
        (torch.cat([x, x]) * size, torch.cat([back, -back * (1 + 1e-4)]) * size),
        lambda model, batch: (model(batch[0]) * batch[1]).sum(1),
        CLIP,
        rows=2,
    )
    assert norm(found) <= CLIP * SLACK


@pytest.mark.parametrize("size", [1e3, 1e5, 1e7])
@pytest.mark.parametrize("records", [2, 4])
def test_a_unit_whose_records_cancel_in_a_row_of_a_table(size: float, records: int) -> None:
    for seed in range(20):  # which way it is rounded is chance
        torch.manual_seed(seed)
        table = nn.Embedding(5, 300)
        back = size * torch.randn(records - 1, 300)
        last = -back.sum(0, keepdim=True) + CLIP / 17 * torch.randn(1, 300)
        _, found = by_engine(
            table,
            (torch.full((records,), 3), torch.cat([back, last])),
            lambda model, batch: (model(batch[0]) * batch[1]).sum(1),
            CLIP,
            rows=records,
        )
        assert norm(found) <= CLIP * SLACK


def test_physical_batches_may_have_units_of_other_sizes() -> None:
    users, items = torch.randint(9, (14,)), torch.randint(8, (14,))
    model = CollaborativeFilter(9, 8, 4)

    def losses(model: nn.Module, batch: Batch) -> Tensor:
        scores: Tensor = model(*batch)
        return scores.square()

    module = BookkeepingModule(model)
    with module.logical_batch(CLIP) as batch:
        batch.add(losses(module, (users[:6], items[:6])), unit_rows=3)
        done = batch.add(losses(module, (users[6:], items[6:])), unit_rows=2)
        batch.write()
    found = gradients_of(module.detach())
    assert done.norms.shape == done.factors.shape == (4,)
    expected = each_unit(model, (users[:6], items[:6]), losses, 3)
    expected += each_unit(model, (users[6:], items[6:]), losses, 2)
    assert_same(found, clipped(expected, CLIP), 1e-5)


def test_losses_that_are_not_whole_units() -> None:
    module = BookkeepingModule(network())
    with module.logical_batch(CLIP) as batch:
        with pytest.raises(LossUnusable, match=r"5 losses.*units of 2 records"):
            batch.add(squares(module, (torch.randn(5, 6),)), unit_rows=2)
        with pytest.raises(RuntimeError, match="given up"):
            batch.write()


@pytest.mark.parametrize("rows", [0, -1])
def test_units_without_rows(rows: int) -> None:
    module = BookkeepingModule(network())
    with pytest.raises(ValueError, match="at least one row"):
        module.clipped_sum(squares(module, (torch.randn(4, 6),)), CLIP, unit_rows=rows)
