"""Opacus' hooks behind the interface of book-keeping: the same sums, and a clean leaving."""

import math
import warnings
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.bookkeeping import BookkeepingModule
from securefed.adapters.opacus_training.hooks import HooksModule
from securefed.errors import LossUnusable, UnsupportedLayer
from tests.adapters.bookkeeping.models import (
    TiedLanguageModel,
    network,
)
from tests.adapters.bookkeeping.oracle import (
    Batch,
    assert_same,
    clipped,
    cross_entropy,
    each_unit,
    gradients_of,
    next_token,
    norm,
    squares,
)
from tests.adapters.opacus_training.hooked import (
    BOTH,
    CLIP,
    HOOKS_ONLY,
    LastState,
    Scaled,
    by_hooks,
)


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(20)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("case", [*BOTH, *HOOKS_ONLY])
def test_exact_against_each_unit_alone(case: str, rows: int) -> None:
    make, draw, losses = (BOTH | HOOKS_ONLY)[case]
    model, batch = make(), draw()
    gradients = each_unit(model, batch, losses, rows)
    norms = sorted(norm(one) for one in gradients)
    clip = norms[len(norms) // 2]
    done, found = by_hooks(model, batch, losses, clip, rows)
    expected = torch.tensor([norm(one) for one in gradients])
    torch.testing.assert_close(done.norms, expected, rtol=1e-5, atol=1e-8)
    assert_same(found, clipped(gradients, clip), 1e-5)


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("case", BOTH)
def test_agrees_with_book_keeping(case: str, rows: int) -> None:
    make, draw, losses = BOTH[case]
    model, batch = make(), draw()
    done, found = by_hooks(model, batch, losses, CLIP, rows)
    module = BookkeepingModule(model)
    other = module.clipped_sum(losses(module, batch), CLIP, unit_rows=rows)
    torch.testing.assert_close(done.norms, other.norms, rtol=1e-5, atol=1e-8)
    torch.testing.assert_close(done.factors, other.factors, rtol=1e-5, atol=1e-8)
    assert_same(found, gradients_of(model), 1e-5)


@pytest.mark.parametrize("case", HOOKS_ONLY)
def test_book_keeping_refuses_what_is_left_to_hooks(case: str) -> None:
    with pytest.raises(UnsupportedLayer, match="has no rule"):
        BookkeepingModule(HOOKS_ONLY[case][0]())


@pytest.mark.parametrize("sizes", [[6], [2, 4], [1, 1, 4]])
def test_physical_batches_add_up(sizes: list[int]) -> None:
    module, x = HooksModule(LastState()), torch.randn(6, 4, 6)
    module.clipped_sum(squares(module, (x,)), CLIP)
    expected = gradients_of(module.model)
    with module.logical_batch(CLIP) as batch:
        for part in torch.split(x, sizes):
            batch.add(squares(module, (part,)))
            assert gradients_of(module.model) == {}
        batch.write()
    assert_same(gradients_of(module.model), expected, 1e-5)


def test_a_logical_batch_without_records_is_zero() -> None:
    module = HooksModule(network())
    with module.logical_batch(CLIP) as batch:
        batch.write()
    found = gradients_of(module.model)
    assert found.keys() == dict(module.model.named_parameters()).keys()
    assert not any(part.any() for part in found.values())


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("poison", [math.nan, math.inf])
@pytest.mark.parametrize("case", ["network", "own layer", "recurrent"])
def test_one_record_that_is_not_finite_silences_its_unit_alone(
    case: str, poison: float, rows: int
) -> None:
    make, draw, losses = (BOTH | HOOKS_ONLY)[case]
    model, batch = make(), draw()
    expected = each_unit(model, batch, losses, rows)
    del expected[3 // rows]
    batch[0][3].view(-1)[0] = poison
    done, found = by_hooks(model, batch, losses, CLIP, rows)
    assert done.nonfinite == 1
    assert done.factors[3 // rows] == 0
    assert_same(found, clipped(expected, CLIP), 1e-5)


def test_half_precision_sums_in_full_precision() -> None:
    model, batch = network(), (torch.randn(6, 6), torch.randint(3, (6,)))
    _, plain = by_hooks(model, batch, cross_entropy)

    def losses(model: nn.Module, batch: Batch) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return cross_entropy(model, batch)

    done, found = by_hooks(model, batch, losses)
    assert done.norms.dtype == torch.float32
    assert {part.dtype for part in found.values()} == {torch.float32}
    assert_same(found, plain, 0.03)


def test_detached_the_model_is_as_it_was() -> None:
    model, x = nn.Sequential(Scaled(), nn.Linear(6, 3)), torch.randn(3, 6)
    before = {name: dict(vars(module)) for name, module in model.named_modules()}
    expected = model(x)
    module = HooksModule(model)
    with torch.no_grad():
        assert torch.equal(module(x), expected)
    module.clipped_sum(squares(module, (x,)), CLIP)
    assert module.detach() is model
    after = {name: dict(vars(module)) for name, module in model.named_modules()}
    assert after.keys() == before.keys()
    for name, one in after.items():
        assert one.keys() == before[name].keys()
        assert one["_is_full_backward_hook"] == before[name]["_is_full_backward_hook"]
        assert not one["_forward_hooks"]
        assert not one["_backward_hooks"]
    assert not any(vars(parameter) for parameter in model.parameters())
    with pytest.raises(RuntimeError, match="detached"):
        module.clipped_sum(squares(model, (x,)), CLIP)


def test_a_batch_that_is_left_midway_leaves_nothing() -> None:
    module = HooksModule(network())
    first, second = torch.randn(4, 6), torch.randn(4, 6)
    module.clipped_sum(squares(module, (second,)), CLIP)
    expected = gradients_of(module.model)
    for _ in range(2):
        with module.logical_batch(CLIP) as batch:
            batch.add(squares(module, (first,)))
            squares(module, (first,))
            break
    assert gradients_of(module.model) == {}
    assert all(vars(one)["grad_sample"] is None for one in module.model.parameters())
    module.clipped_sum(squares(module, (second,)), CLIP)
    assert_same(gradients_of(module.model), expected, 0.0)


def test_a_forward_pass_before_the_batch_does_not_count() -> None:
    module, x = HooksModule(network()), torch.randn(4, 6)
    module.clipped_sum(squares(module, (x,)), CLIP)
    expected = gradients_of(module.model)
    squares(module, (torch.randn(4, 6),))
    with module.logical_batch(CLIP) as batch:
        batch.add(squares(module, (x,)))
        batch.write()
    assert_same(gradients_of(module.model), expected, 0.0)


def test_a_forward_pass_that_is_given_up_within_a_batch_is_refused_not_mistaken() -> None:
    module, x = HooksModule(network()), torch.randn(4, 6)
    with module.logical_batch(CLIP) as batch:
        squares(module, (torch.randn(4, 6),))
        with pytest.raises(UnsupportedLayer, match="no hook sees"):
            batch.add(squares(module, (x,)))
    assert gradients_of(module.model) == {}


def test_a_batch_that_failed_cannot_be_written() -> None:
    module, x = HooksModule(network()), torch.randn(4, 6)
    with module.logical_batch(CLIP) as batch:
        batch.add(squares(module, (x,)))
        with pytest.raises(LossUnusable):
            batch.add(squares(module, (x,)).mean())
        with pytest.raises(RuntimeError, match="given up"):
            batch.write()
    assert gradients_of(module.model) == {}


def test_no_warning_escapes() -> None:
    module, tokens = HooksModule(TiedLanguageModel(9, 4)), torch.randint(9, (4, 5))
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        module.clipped_sum(next_token(module, (tokens,)), CLIP)
    assert heard == []


@pytest.mark.parametrize("clip", [0.0, -1.0, math.nan, math.inf])
def test_a_clip_that_bounds_nothing(clip: float) -> None:
    with pytest.raises(ValueError, match="finite and positive"):
        HooksModule(network()).clipped_sum(torch.ones(2), clip)
