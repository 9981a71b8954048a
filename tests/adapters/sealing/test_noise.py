"""The noise budget: it lasts for the largest rosters, and a sum without it is refused.

Every contribution is a fresh encryption with the public key. One ciphertext each: the noise does
not depend on how many there are.
"""

from dataclasses import replace

import numpy as np
import pytest

from securefed.adapters.tenseal_sealing.adding import BfvAdder
from securefed.adapters.tenseal_sealing.bfv import BfvOpener, BfvSealer
from securefed.aggregation.fields import DEGREE, Packing, noiseless_bits, packing_for
from securefed.aggregation.packing import modulus_mask
from securefed.aggregation.shape import Shape
from securefed.domain.study import Suite
from securefed.errors import SealInvalid
from tests.adapters.sealing.parties import opening_key

pytestmark = pytest.mark.slow


def sum_of(packing: Packing, sites: int, distinct: int = 4) -> tuple[bytes, np.ndarray, Shape]:
    """The sum of so many fresh encryptions of uniform words, as masked ones are."""
    parameters = DEGREE * packing.fields
    shape = Shape(suite=Suite.BFV, packing=packing, parameters=parameters)
    sealer, adder = BfvSealer(opening_key().public, shape), BfvAdder(shape)
    generator = np.random.default_rng(sites)
    words = [generator.integers(0, 2**64, DEGREE, dtype=np.uint64) for _ in range(distinct)]
    expected = np.zeros(DEGREE, np.uint64)
    for number in range(sites):
        part = words[number % distinct] & modulus_mask(packing)
        adder.add(0, sealer.seal(0, part))
        expected += part
    return adder.total(0), expected & modulus_mask(packing), shape


def budget(payload: bytes, shape: Shape) -> int:
    opener = BfvOpener(opening_key(), shape)
    found: int = opener._decryptor.invariant_noise_budget(opener._lattice.loaded(payload))
    return found


@pytest.mark.parametrize("sites", [1, 2, 10, 100, 1000])
def test_the_largest_modulus_of_a_roster_keeps_a_budget_and_opens_exactly(sites: int) -> None:
    largest = replace(packing_for(Suite.BFV, 8, sites), modulus_bits=noiseless_bits(sites))
    total, expected, shape = sum_of(largest, sites)
    assert budget(total, shape) >= 2
    assert (BfvOpener(opening_key(), shape).open(0, total) == expected).all()


@pytest.mark.parametrize("sites", [2, 10, 100])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_every_precision_keeps_at_least_that_budget(sites: int, bits: int) -> None:
    packing = packing_for(Suite.BFV, bits, sites)
    total, expected, shape = sum_of(packing, sites)
    spare = noiseless_bits(sites) - packing.modulus_bits
    assert budget(total, shape) >= 2 + spare
    assert (BfvOpener(opening_key(), shape).open(0, total) == expected).all()


def test_a_modulus_that_is_too_large_is_refused_and_never_opens_wrongly() -> None:
    right = packing_for(Suite.BFV, 8, 10)
    refused = []
    for more in range(1, 9):
        packing = replace(right, modulus_bits=noiseless_bits(10) + more)
        total, expected, shape = sum_of(packing, 10)
        try:
            found = BfvOpener(opening_key(), shape).open(0, total)
        except SealInvalid:
            refused.append(more)
        else:
            assert (found == expected).all()
    # The proof's margin is between two and five bits: beyond it every modulus is refused.
    assert set(range(6, 9)) <= set(refused)
    assert not {1, 2} & set(refused)
