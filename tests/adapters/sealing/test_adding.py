"""What the coordinator adds is, to the byte, what SEAL's own evaluator adds."""

from dataclasses import replace

import numpy as np
import pytest
import tenseal.sealapi as seal
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.adapters.tenseal_sealing.adding import BfvAdder
from securefed.adapters.tenseal_sealing.bfv import BfvOpener
from securefed.adapters.tenseal_sealing.coefficients import to_payload
from securefed.aggregation.chunks import Words
from securefed.aggregation.fields import CIPHER_PRIME, DEGREE
from securefed.errors import SealInvalid, SumIncomplete
from tests.adapters.sealing.parties import opening_key
from tests.adapters.sealing.test_hostile_ciphertexts import SHAPE

# Where a sum is the prime, just below it, just above it, and as large as it gets.
EDGES = (0, 1, CIPHER_PRIME // 2, CIPHER_PRIME // 2 + 1, CIPHER_PRIME - 2, CIPHER_PRIME - 1)


def numbers(seed: int) -> Words:
    """Random numbers of a ciphertext; among the first are all edges, in an order of their own."""
    chance = np.random.default_rng(seed)
    made: Words = chance.integers(0, CIPHER_PRIME, 2 * DEGREE, dtype=np.uint64)
    for start in (0, DEGREE):
        made[start : start + len(EDGES)] = chance.permutation(np.array(EDGES, np.uint64))
    return made


def added_by_seal(payloads: list[bytes]) -> bytes:
    lattice = BfvOpener(opening_key(), SHAPE)._lattice
    evaluator, total = seal.Evaluator(lattice.context), lattice.loaded(payloads[0])
    for payload in payloads[1:]:
        together = seal.Ciphertext()
        evaluator.add(total, lattice.loaded(payload), together)
        total = together
    return lattice.payload(total)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 2**32), min_size=1, max_size=6))
def test_a_sum_is_the_one_that_seal_makes(seeds: list[int]) -> None:
    payloads = [to_payload(numbers(seed)) for seed in seeds]
    adder = BfvAdder(SHAPE)
    for payload in payloads:
        adder.add(0, payload)
    assert adder.total(0) == added_by_seal(payloads)


def test_every_pair_of_edges_adds_as_whole_numbers_do() -> None:
    first, second = numbers(1), numbers(2)
    pairs = [(one, other) for one in EDGES for other in EDGES]
    for place, (one, other) in enumerate(pairs):
        first[DEGREE + place], second[DEGREE + place] = one, other
    adder = BfvAdder(SHAPE)
    adder.add(0, to_payload(first))
    adder.add(0, to_payload(second))
    expected = [
        (int(one) + int(other)) % CIPHER_PRIME for one, other in zip(first, second, strict=True)
    ]
    assert adder.total(0) == to_payload(np.array(expected, np.uint64))


def test_a_sum_that_needs_no_key_is_refused_and_the_sum_stays() -> None:
    own = numbers(3)
    other = numbers(4)
    other[DEGREE:] = np.where(own[DEGREE:] == 0, 0, np.uint64(CIPHER_PRIME) - own[DEGREE:])
    adder = BfvAdder(SHAPE)
    adder.add(0, to_payload(own))
    with pytest.raises(SealInvalid, match="transparent"):
        adder.add(0, to_payload(other))
    assert adder.total(0) == to_payload(own)


def test_a_chunk_that_nothing_was_added_to_has_no_sum() -> None:
    adder = BfvAdder(replace(SHAPE, parameters=2 * SHAPE.parameters))
    adder.add(0, to_payload(numbers(5)))
    with pytest.raises(SumIncomplete):
        adder.total(1)
