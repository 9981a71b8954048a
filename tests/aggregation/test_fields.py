"""Packing: fields hold every sum, words stay below the modulus, and what comes out went in."""

from math import isqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.aggregation.fields import CIPHER_PRIME, noiseless_bits, packing_for
from securefed.aggregation.packing import modulus_mask, pack, unpack
from securefed.domain.study import PRECISIONS, Suite
from securefed.domain.update import LARGEST_ROSTER
from securefed.errors import SealInvalid, SuiteUnfit

SUITES = [Suite.BFV, Suite.BFV_MASK, Suite.MASK]
SIZES = st.integers(1, LARGEST_ROSTER)


@given(st.sampled_from(SUITES), st.sampled_from(PRECISIONS), SIZES)
def test_a_field_holds_the_largest_sum_and_no_bit_more(suite: Suite, bits: int, sites: int) -> None:
    packing = packing_for(suite, bits, sites)
    largest = sites * packing.highest
    assert largest < 1 << packing.width <= 2 * largest
    assert packing.fields >= 1
    assert packing.fields * packing.width <= packing.modulus_bits <= 64
    if suite is not Suite.MASK:
        assert packing.modulus_bits <= noiseless_bits(sites)


@given(SIZES)
def test_the_noise_of_a_whole_roster_is_below_half_a_step_of_the_modulus(sites: int) -> None:
    bits = noiseless_bits(sites)
    noise = sites + 1 + isqrt(sites * 4096 * 448 // 10) + 1
    assert noise << (bits + 1) <= CIPHER_PRIME < noise << (bits + 2)


@pytest.mark.parametrize(("sites", "bits"), [(1, 50), (2, 49), (10, 48), (100, 46), (1000, 45)])
def test_the_moduli_that_the_docstring_names(sites: int, bits: int) -> None:
    assert noiseless_bits(sites) == bits


@pytest.mark.parametrize(
    ("suite", "bits", "sites", "fields"),
    [
        (Suite.BFV, 16, 10, 2),
        (Suite.BFV, 12, 10, 3),
        (Suite.BFV, 8, 10, 4),
        (Suite.BFV, 16, 100, 2),
        (Suite.BFV, 12, 1000, 2),
        (Suite.BFV, 16, 1000, 1),
        (Suite.MASK, 16, 10, 3),
        (Suite.MASK, 12, 10, 4),
        (Suite.MASK, 8, 1000, 3),
    ],
)
def test_how_many_values_a_word_has(suite: Suite, bits: int, sites: int, fields: int) -> None:
    assert packing_for(suite, bits, sites).fields == fields


@pytest.mark.parametrize(
    ("suite", "bits", "sites"),
    [
        (Suite.BFV, 13, 10),
        (Suite.BFV, 16, 0),
        (Suite.MASK, 16, LARGEST_ROSTER + 1),
        (Suite.NONE, 16, 10),
    ],
)
def test_what_no_suite_carries_is_refused(suite: Suite, bits: int, sites: int) -> None:
    with pytest.raises(SuiteUnfit):
        packing_for(suite, bits, sites)


@settings(max_examples=40)
@given(
    suite=st.sampled_from(SUITES),
    bits=st.sampled_from(PRECISIONS),
    sites=st.sampled_from([1, 2, 10, 100, 1000]),
    values=st.integers(0, 40),
    data=st.data(),
)
def test_the_sum_of_words_unpacks_to_the_sum_of_levels(
    suite: Suite, bits: int, sites: int, values: int, data: st.DataObject
) -> None:
    packing = packing_for(suite, bits, sites)
    level = st.integers(0, packing.highest) | st.sampled_from([0, packing.highest])
    # Few different levels, each by as many sites as may be: a sum at its bound is likely.
    kinds = data.draw(st.lists(st.lists(level, min_size=values, max_size=values), min_size=1))
    total = np.zeros(packing.slots(values), np.uint64)
    expected = np.zeros(values, np.uint64)
    for number in range(sites):
        levels = np.array(kinds[number % len(kinds)], np.uint64)
        total += pack(levels, packing)
        expected += levels
    found = unpack(total & modulus_mask(packing), packing, values)
    assert (found == expected).all()


def test_an_opened_word_that_is_too_large_or_missing_is_refused() -> None:
    packing = packing_for(Suite.BFV, 12, 10)
    words = np.array([1 << packing.modulus_bits], np.uint64)
    with pytest.raises(SealInvalid, match="larger than its suite"):
        unpack(words, packing, 3)
    with pytest.raises(SealInvalid, match="1 words do not hold 4 values"):
        unpack(words, packing, 4)
