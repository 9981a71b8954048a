"""The traps of TenSEAL, one after the other: the same input to it, silently wrong, and to ours.

Each test first shows that TenSEAL takes the input and says nothing, so that a version of it that
has learnt to refuse makes the test fail and the guard can be thought over. Then ours refuses it by
name. What ours does with inputs of its own form is in test_hostile_ciphertexts.
"""

import io
import random
from functools import cache, reduce
from operator import add

import numpy as np
import pytest
import tenseal

from securefed.adapters.ed25519_keys import verify
from securefed.adapters.tenseal_sealing.adding import BfvAdder
from securefed.adapters.tenseal_sealing.bfv import BfvOpener, BfvSealer
from securefed.adapters.tenseal_sealing.keys import new_opening_key
from securefed.aggregation.fields import DEGREE, packing_for
from securefed.aggregation.grid import Grid, average
from securefed.aggregation.packing import unpack
from securefed.aggregation.sealed_file import check_update
from securefed.aggregation.shape import Shape
from securefed.aggregation.values import PackedUpdate, site_scaling
from securefed.domain.identifiers import Digest
from securefed.domain.study import Suite
from securefed.errors import SealForeign, SealInvalid, UpdateUnusable
from tests.adapters.sealing.parties import Play, opening_key, play, words_of
from tests.aggregation.round_of_sites import REACH, normals, privatized, roster, seal, site

pytestmark = pytest.mark.slow

MODULUS = 1032193
SHAPE = Shape(suite=Suite.BFV, packing=packing_for(Suite.BFV, 12, 10), parameters=3 * DEGREE)


def bfv_context() -> tenseal.Context:
    return tenseal.context(
        tenseal.SCHEME_TYPE.BFV,
        poly_modulus_degree=DEGREE,
        plain_modulus=MODULUS,
        coeff_mod_bit_sizes=[54, 55],
    )


def ckks_context() -> tenseal.Context:
    made = tenseal.context(
        tenseal.SCHEME_TYPE.CKKS, poly_modulus_degree=DEGREE, coeff_mod_bit_sizes=[54, 55]
    )
    made.global_scale = 2**40
    return made


@pytest.fixture(scope="module")
def context() -> tenseal.Context:
    return bfv_context()


@pytest.fixture(scope="module")
def stored(context: tenseal.Context) -> bytes:
    return bytes(tenseal.bfv_vector(context, [1, 2, 3]).serialize())


@cache
def sealed_file() -> tuple[Play, bytes]:
    one = play(roster(2), Suite.BFV, parameters=100)
    return one, one.sealed(0, normals(0, 100), None)


def received(data: bytes) -> None:
    """What the coordinator does with a file first."""
    one, _ = sealed_file()
    check_update(io.BytesIO(data), one.seal, one.roster, verify, one.adder().check)


def test_empty_bytes(context: tenseal.Context) -> None:
    assert tenseal.bfv_vector_from(context, b"").size() == 0
    assert tenseal.ckks_vector_from(ckks_context(), b"").size() == 0
    with pytest.raises(SealInvalid, match="The file ends within its first line"):
        received(b"")
    with pytest.raises(SealInvalid, match="A ciphertext has 61440 bytes, not 0"):
        BfvOpener(opening_key(), SHAPE).open(0, b"")


def test_flipped_bytes(context: tenseal.Context, stored: bytes) -> None:
    chance, silent = random.Random(1), 0
    for _ in range(50):
        try:
            opened = tenseal.bfv_vector_from(context, flipped(stored, chance)).decrypt()
        except (ValueError, RuntimeError):
            continue
        silent += opened != [1, 2, 3]
    assert silent > 0
    _, data = sealed_file()
    for _ in range(200):
        with pytest.raises((SealInvalid, SealForeign)):
            received(flipped(data, chance))


def flipped(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def test_another_key_of_the_same_parameters(stored: bytes) -> None:
    assert tenseal.bfv_vector_from(bfv_context(), stored).decrypt() != [1, 2, 3]
    first, second = ckks_context(), ckks_context()
    vector = tenseal.ckks_vector(first, [1.0]).serialize()
    assert abs(tenseal.ckks_vector_from(second, vector).decrypt()[0]) > 1000
    payload = BfvSealer(opening_key().public, SHAPE).seal(0, words_of(SHAPE, 0, 1))
    with pytest.raises(SealInvalid, match="under another key, or full of noise"):
        BfvOpener(new_opening_key(), SHAPE).open(0, payload)
    one, data = sealed_file()
    other = seal(one.roster, suite=Suite.BFV, parameters=100, key=Digest("sha256:" + "4" * 64))
    with pytest.raises(SealForeign, match="It is sealed for another key"):
        check_update(io.BytesIO(data), other, one.roster, verify, one.adder().check)


def test_sums_of_two_keys(context: tenseal.Context, stored: bytes) -> None:
    mine = tenseal.bfv_vector(context, [1, 1, 1])
    theirs = tenseal.bfv_vector(bfv_context(), [1, 2, 3]).serialize()
    assert (mine + tenseal.bfv_vector_from(context, theirs)).decrypt() != [2, 3, 4]
    adder = BfvAdder(SHAPE)
    for key in (opening_key(), new_opening_key()):
        adder.add(0, BfvSealer(key.public, SHAPE).seal(0, words_of(SHAPE, 0, 1)))
    with pytest.raises(SealInvalid, match="under another key, or full of noise"):
        BfvOpener(opening_key(), SHAPE).open(0, adder.total(0))


@pytest.mark.parametrize("size", [1, 4000])
def test_forged_sizes(context: tenseal.Context, stored: bytes, size: int) -> None:
    assert stored[:3] == bytes([0x0A, 1, 3]), "the field of the size"
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    forged = bytes([0x0A, len(length)]) + length + stored[3:]
    assert len(tenseal.bfv_vector_from(context, forged).decrypt()) == size
    _, data = sealed_file()
    assert b'"parameters":100' in data
    with pytest.raises(SealForeign, match="It is sealed for another parameters"):
        received(data.replace(b'"parameters":100', b'"parameters":900'))
    assert b'"chunks":1,' in data
    with pytest.raises(SealInvalid, match="number or length of chunks is not what its seal"):
        received(data.replace(b'"chunks":1,', b'"chunks":2,'))


def test_values_above_the_modulus(context: tenseal.Context) -> None:
    assert tenseal.bfv_vector(context, [MODULUS + 5]).decrypt() == [5]
    words = words_of(SHAPE, 0, 1)
    words[0] = (1 << SHAPE.packing.modulus_bits) + 5
    with pytest.raises(SealInvalid, match="a word that is larger than its suite allows"):
        BfvSealer(opening_key().public, SHAPE).seal(0, words)


def test_sums_above_the_modulus(context: tenseal.Context) -> None:
    half = tenseal.bfv_vector(context, [MODULUS // 2])
    assert (half + half + tenseal.bfv_vector(context, [5])).decrypt() == [4]
    # Ten sites may add up here, and ten highest levels fit; the eleventh is found in the sum.
    packing = SHAPE.packing
    highest = np.full(1, packing.highest, np.uint64)
    grid = Grid(bits=12, reach=REACH)
    fits = unpack(highest * np.uint64(10), packing, 1)
    assert average(grid, fits, contributors=10, heaviest=1, weight=10).tolist() == [float(REACH)]
    above = unpack(highest * np.uint64(11), packing, 1)
    with pytest.raises(SealInvalid, match="one overflowed"):
        average(grid, above, contributors=10, heaviest=1, weight=10)


def test_more_values_than_slots(
    context: tenseal.Context, capfd: pytest.CaptureFixture[str]
) -> None:
    assert tenseal.bfv_vector(context, list(range(5000))).size() == 5000
    assert "disabled" in "".join(capfd.readouterr())
    with pytest.raises(SealInvalid, match="Chunk 0 has 5000 words to seal"):
        BfvSealer(opening_key().public, SHAPE).seal(0, np.ones(5000, np.uint64))


def test_fractions(context: tenseal.Context) -> None:
    assert tenseal.bfv_vector(context, [1.7]).decrypt() == [1]
    one = play(roster(2), Suite.BFV, parameters=100)
    with pytest.raises(UpdateUnusable, match="100 values of float32 were expected"):
        one.sealed(0, normals(0, 100).astype(np.float64), None)


def test_sums_beyond_the_range_of_ckks() -> None:
    context = ckks_context()
    total = reduce(add, [tenseal.ckks_vector(context, [100.0]) for _ in range(100)])
    assert total.decrypt()[0] == pytest.approx(-6384, abs=1)
    one = play(roster(2), Suite.BFV, parameters=100)
    large = np.full(100, 100, np.float32)
    data = one.sealed(0, large, None)
    assert b'"saturated":100' in data
    opened = one.opened(one.summed([data, one.sealed(1, large, None)]))
    assert opened.tolist() == pytest.approx([float(REACH)] * 100)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused_before_the_library_sees_it(bad: float) -> None:
    values = normals(0, 100)
    values[50] = bad
    one = play(roster(2), Suite.BFV, parameters=100)
    # Under the description of other values: these have no norm.
    update = privatized(normals(0, 100))
    scaling = site_scaling(update, one.seal, one.roster, site(0))
    with pytest.raises(UpdateUnusable, match="no finite numbers"):
        list(PackedUpdate(update, values, one.seal, scaling, None).words())
