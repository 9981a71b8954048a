"""What a published sum gives away: under CKKS the secret key, under ours nothing but the sum.

The attack (Li and Micciancio, 2021). A CKKS ciphertext of a sum is (c0, c1) with c0 + c1·s = m, and
m holds the noise. Whoever decodes it to float64 and publishes that publishes m: encoded again, it
rounds to the same integers. So c1·s = m - c0 is a linear equation without an error, and s is its
solution. TenSEAL gives out real parts only, so that two chunks are needed instead of one.

A sum of ours is (c0, c1) with c0 + c1·s = round(qM/t) + v. An opening gives out M alone, and M is
the plain sum: whoever knows that could write the opening himself, so it adds nothing to what the
sum says. The noise v is never given out. What is left is c1·s - v for an unknown short v, which is
what a public key is, too. The same linear algebra is run on it: with v it would give the whole key,
without it gives what chance gives.

That holds for sums that are sums. A custodian that opens what is none is lost, as with any scheme
of this kind: the last test is about a coordinator that lies, which `bfv` trusts not to.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
import pytest
import tenseal
from tenseal import sealapi

from securefed.adapters.tenseal_sealing.adding import BfvAdder
from securefed.adapters.tenseal_sealing.bfv import BfvOpener, BfvSealer
from securefed.adapters.tenseal_sealing.coefficients import from_payload, to_payload
from securefed.aggregation.chunks import Words
from securefed.aggregation.fields import CIPHER_PRIME, DEGREE, packing_for
from securefed.aggregation.packing import modulus_mask
from securefed.aggregation.shape import Shape
from securefed.domain.study import Suite
from tests.adapters.sealing.parties import opening_key, words_of
from tests.adapters.sealing.ring import Ring

pytestmark = pytest.mark.slow

SITES = 10
FLARES_DEGREE = 8192
SHAPE = Shape(suite=Suite.BFV, packing=packing_for(Suite.BFV, 12, SITES), parameters=3 * DEGREE)
RING = Ring(DEGREE, CIPHER_PRIME)


def same(found: Sequence[int], true: Sequence[int]) -> float:
    """The share of the key's coefficients that were found."""
    return sum(a == b for a, b in zip(found, true, strict=True)) / len(true)


# --- CKKS as NVIDIA FLARE has it -----------------------------------------------------------------


@dataclass(frozen=True)
class Published:
    """What an attacker sees of one chunk: its ciphertext, and the float64 values."""

    ciphertext: sealapi.Ciphertext
    values: list[float]


def flares_context() -> tenseal.Context:
    made = tenseal.context(
        tenseal.SCHEME_TYPE.CKKS,
        poly_modulus_degree=FLARES_DEGREE,
        coeff_mod_bit_sizes=[60, 40, 40],
        encryption_type=tenseal.ENCRYPTION_TYPE.SYMMETRIC,
    )
    made.generate_relin_keys()
    made.global_scale = 2**40
    return made


def published(context: tenseal.Context, *, divided: bool) -> list[Published]:
    """Two chunks of a sum, or of an average as FLARE's coordinator makes it, and their opening."""
    chance = np.random.default_rng(3)
    updates = [
        tenseal.ckks_vector(context, chance.normal(0, 0.02, FLARES_DEGREE).tolist())
        for _ in range(SITES)
    ]
    total = reduce(add, updates)
    if divided:
        total = total * (1 / SITES)
    opened = total.decrypt(context.secret_key())
    half = FLARES_DEGREE // 2
    return [
        Published(one, opened[place * half : (place + 1) * half])
        for place, one in enumerate(total.ciphertext())
    ]


def recovered(
    context: tenseal.Context,
    ring: Ring,
    chunks: list[Published],
    seen: Callable[[float], float] = float,
) -> list[int]:
    """The secret key, of what is published alone.

    Real parts r of the slots stand for the polynomial 2r = m(X) + m(1/X). At a root and its
    inverse, positions i and j, each chunk says: 2r_i - c0_i - c0_j = c1_i·s_i + c1_j·s_j."""
    left, right = (equations(context, ring, one, seen) for one in chunks)
    found = [0] * ring.degree
    for i in range(ring.degree):
        j = ring.degree - 1 - i
        (a, y), (b, z) = left[i], right[i]
        c, d = left[j][0], right[j][0]
        found[i] = (y * d - z * c) * pow(a * d - b * c, -1, ring.prime) % ring.prime
    return ring.coefficients(found)


def equations(
    context: tenseal.Context, ring: Ring, one: Published, seen: Callable[[float], float]
) -> list[tuple[int, int]]:
    """At each position c1, and what the sum of both positions' c1·s is."""
    encoder = sealapi.CKKSEncoder(context.seal_context().data)
    plain = sealapi.Plaintext()
    encoder.encode([2 * seen(value) for value in one.values], one.ciphertext.scale, plain)
    size = one.ciphertext.coeff_modulus_size() * ring.degree
    c0 = [one.ciphertext[place] for place in range(ring.degree)]
    c1 = [one.ciphertext[place] for place in range(size, size + ring.degree)]
    return [
        (c1[i], (plain[i] - c0[i] - c0[ring.degree - 1 - i]) % ring.prime)
        for i in range(ring.degree)
    ]


@pytest.fixture(scope="module")
def context() -> tenseal.Context:
    return flares_context()


@pytest.fixture(scope="module")
def flares_ring(context: tenseal.Context) -> Ring:
    parameters = context.seal_context().data.key_context_data().parms()
    return Ring(FLARES_DEGREE, parameters.coeff_modulus()[0].value())


@pytest.fixture(scope="module")
def flares_key(context: tenseal.Context, flares_ring: Ring) -> list[int]:
    secret = context.secret_key().data.data()
    found = flares_ring.coefficients([secret[place] for place in range(FLARES_DEGREE)])
    assert set(found) == {-1, 0, 1}
    return found


@pytest.mark.parametrize("divided", [False, True], ids=["sum", "average"])
def test_a_published_ckks_sum_gives_the_whole_secret_key_away(
    context: tenseal.Context, flares_ring: Ring, flares_key: list[int], divided: bool
) -> None:
    chunks = published(context, divided=divided)
    assert same(recovered(context, flares_ring, chunks), flares_key) == 1


def test_rounding_what_is_published_stops_this_attack_and_proves_nothing(
    context: tenseal.Context, flares_ring: Ring, flares_key: list[int]
) -> None:
    found = recovered(
        context,
        flares_ring,
        published(context, divided=False),
        lambda value: float(np.float32(value)),
    )
    assert same(found, flares_key) < 0.01


# --- ours ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Opened:
    """A sum's ciphertext, and what its custodian gives out."""

    c0: list[int]
    c1: list[int]
    words: Words


@pytest.fixture(scope="module")
def opened() -> Opened:
    sealer, adder = BfvSealer(opening_key().public, SHAPE), BfvAdder(SHAPE)
    for site in range(SITES):
        adder.add(0, sealer.seal(0, words_of(SHAPE, 0, site)))
    coefficients = from_payload(adder.total(0)).tolist()
    words = BfvOpener(opening_key(), SHAPE).open(0, adder.total(0))
    return Opened(coefficients[:DEGREE], coefficients[DEGREE:], words)


@pytest.fixture(scope="module")
def key() -> list[int]:
    stored = np.frombuffer(opening_key().secret_bytes(), "<u8")[:DEGREE].tolist()
    found = RING.coefficients(stored)
    assert set(found) == {-1, 0, 1}
    return found


def scaled(words: Words) -> list[int]:
    """Where a sum lies among the ciphertext's numbers: round(qM/t)."""
    modulus = 1 << SHAPE.packing.modulus_bits
    return [(CIPHER_PRIME * word + modulus // 2) // modulus for word in words.tolist()]


def solved(one: Opened, noise: Sequence[int]) -> list[int]:
    """The s of c1·s = round(qM/t) + v - c0, for a noise v."""
    rest = [
        (message + error - c0) % CIPHER_PRIME
        for message, error, c0 in zip(scaled(one.words), noise, one.c0, strict=True)
    ]
    return RING.coefficients(
        [
            value * pow(c1, -1, CIPHER_PRIME) % CIPHER_PRIME
            for value, c1 in zip(RING.values(rest), RING.values(one.c1), strict=True)
        ]
    )


def noise_of(one: Opened, key: Sequence[int]) -> list[int]:
    """The noise of a sum, which only the key shows."""
    product = [
        a * b % CIPHER_PRIME for a, b in zip(RING.values(one.c1), RING.values(key), strict=True)
    ]
    found = []
    for c0, c1s, message in zip(one.c0, RING.coefficients(product), scaled(one.words), strict=True):
        error = (c0 + c1s - message) % CIPHER_PRIME
        found.append(error - CIPHER_PRIME * (2 * error > CIPHER_PRIME))
    return found


def test_an_opening_is_the_plain_sum_and_nothing_of_the_encryption(opened: Opened) -> None:
    plain = sum(words_of(SHAPE, 0, site) for site in range(SITES))
    assert (opened.words == plain & modulus_mask(SHAPE.packing)).all()


def test_with_the_noise_the_same_algebra_would_give_our_key(opened: Opened, key: list[int]) -> None:
    # That the attack is written correctly for our ciphertexts: it lacks nothing but the noise.
    assert same(solved(opened, noise_of(opened, key)), key) == 1


def test_an_opening_lacks_the_noise_and_the_attack_finds_what_chance_finds(
    opened: Opened, key: list[int]
) -> None:
    found = solved(opened, [0] * DEGREE)
    assert same(found, key) == 0
    # Nor does it lean towards the key: the nearest third of all numbers is right one time in three.
    thirds = [round(3 * one / CIPHER_PRIME) for one in found]
    deviation = (2 / 9 / DEGREE) ** 0.5
    assert abs(same(thirds, key) - 1 / 3) < 5 * deviation


def test_the_noise_of_a_sum_is_an_error_like_a_public_keys_or_a_larger_one(
    opened: Opened, key: list[int]
) -> None:
    noise = noise_of(opened, key)
    # SEAL's own errors have a deviation of 3.2; the rounding of ten encryptions is above that.
    assert np.std(noise) > 10 * 3.2
    assert len(set(noise)) > 100


def test_a_coordinator_that_lies_has_the_key_by_one_opening_which_is_why_bfv_trusts_it(
    key: list[int],
) -> None:
    # A ciphertext that nobody encrypted: q/t for c1, so that c0 + c1·s is a message plus the key.
    modulus = 1 << SHAPE.packing.modulus_bits
    middle = words_of(SHAPE, 0, 1)
    c1 = np.zeros(DEGREE, np.uint64)
    c1[0] = CIPHER_PRIME // modulus
    forged = np.concatenate([np.array(scaled(middle), np.uint64), c1])
    opened = BfvOpener(opening_key(), SHAPE).open(0, to_payload(forged))
    difference = (opened - middle) & modulus_mask(SHAPE.packing)
    found = [one - modulus * (2 * one > modulus) for one in difference.tolist()]
    assert same(found, key) == 1
