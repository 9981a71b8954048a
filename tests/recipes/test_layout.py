"""One row of numbers for a model's weights, and back, the same whoever does it."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from securefed.errors import ModelUnusable
from securefed.recipes.layout import Layout, Values, row_bytes

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
WEIGHTS = st.dictionaries(
    st.text(max_size=8).filter(lambda text: text.isprintable()),
    array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3).flatmap(
        lambda shape: arrays(np.float32, shape, elements=FINITE)
    ),
    max_size=4,
)
TWO = {"b": np.ones((2, 3), np.float32), "a": np.zeros(2, np.float32)}


@given(WEIGHTS)
def test_weights_go_into_a_file_and_come_out_again(weights: Mapping[str, Values]) -> None:
    layout = Layout.of(weights)
    data = row_bytes(layout.flat(weights))
    assert len(data) == 4 * layout.parameters
    back = layout.parts(layout.row_in(data))
    assert back.keys() == weights.keys()
    for name, one in weights.items():
        np.testing.assert_array_equal(back[name], one)
        assert back[name].shape == one.shape


@given(WEIGHTS)
def test_the_order_in_which_a_model_names_them_does_not_matter(weights: Mapping) -> None:
    turned = dict(reversed(list(weights.items())))
    assert Layout.of(turned) == Layout.of(weights)
    assert Layout.of(turned).digest == Layout.of(weights).digest
    np.testing.assert_array_equal(Layout.of(turned).flat(turned), Layout.of(weights).flat(weights))


def test_names_stand_in_order() -> None:
    assert Layout.of(TWO).names == ("a", "b")
    assert Layout.of(TWO).flat(TWO).tolist() == [0, 0, 1, 1, 1, 1, 1, 1]


def test_the_digest_is_the_same_in_every_version() -> None:
    expected = "sha256:193142486f16cb9b719f4bf0fda119c7f0cfc2ba6c346178a6fa5d57be488dd5"
    assert Layout.of(TWO).digest == expected


@pytest.mark.parametrize(
    "other",
    [
        {"a": TWO["a"], "c": TWO["b"]},
        {"a": TWO["a"], "b": TWO["b"].T},
        {"a": TWO["a"], "b": TWO["b"].reshape(-1)},
        {"a": TWO["a"]},
        {**TWO, "c": TWO["a"]},
        {"a": TWO["b"], "b": TWO["a"]},
    ],
)
def test_another_model_has_another_layout_and_no_place_in_this_one(other: dict) -> None:
    assert Layout.of(other).digest != Layout.of(TWO).digest
    with pytest.raises(ModelUnusable):
        Layout.of(TWO).flat(other)


def test_other_numbers_than_float32_are_refused() -> None:
    with pytest.raises(ModelUnusable):
        Layout.of(TWO).flat({**TWO, "a": TWO["a"].astype(np.float64)})


@pytest.mark.parametrize("change", [lambda row: row[:-1], lambda row: row + bytes(4)])
def test_a_file_of_another_length_is_refused(change: Callable[[bytes], bytes]) -> None:
    layout = Layout.of(TWO)
    with pytest.raises(ModelUnusable, match="Expected 32 bytes"):
        layout.row_in(change(row_bytes(layout.flat(TWO))))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_file_with_what_is_not_finite_is_refused(wrong: float) -> None:
    layout = Layout.of(TWO)
    row = layout.flat(TWO)
    row[3] = wrong
    with pytest.raises(ModelUnusable, match="finite"):
        layout.row_in(row_bytes(row))


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ModelUnusable, match="Expected 8 weights, not 7"):
        Layout.of(TWO).parts(np.zeros(7, np.float32))


@pytest.mark.parametrize(
    ("names", "shapes"), [(("b", "a"), ((1,), (1,))), (("a", "a"), ((1,), (1,))), (("a",), ())]
)
def test_a_layout_that_is_none(names: tuple, shapes: tuple) -> None:
    with pytest.raises(ValueError, match="sorted"):
        Layout(names=names, shapes=shapes)
