"""What the coordinator and one custodian hold together opens no single update under dual custody.

Each test is that coalition: it has every file of the round, its own custodian's secret and whatever
the other custodian gives out for the complete sum, and tries what opens one site's words.
"""

import io

import numpy as np
import pytest

from securefed.adapters.ed25519_keys import verify
from securefed.adapters.masking.exchange import MaskKey, custodian_masks, new_mask_key
from securefed.adapters.tenseal_sealing.bfv import BfvOpener
from securefed.adapters.tenseal_sealing.keys import new_opening_key
from securefed.aggregation.chunks import Words
from securefed.aggregation.masked import unmasked
from securefed.aggregation.packing import modulus_mask
from securefed.aggregation.sealed_file import CheckedUpdate, check_update
from securefed.aggregation.values import PackedUpdate, site_scaling
from securefed.domain.study import Suite
from securefed.errors import SealForeign, SealInvalid
from tests.adapters.sealing.parties import Play, mask_key, play
from tests.aggregation.round_of_sites import normals, privatized, roster, site

PARAMETERS = 9000
SITES = range(3)


@pytest.fixture(scope="module")
def one() -> Play:
    return play(roster(3), Suite.BFV_MASK, parameters=PARAMETERS)


@pytest.fixture(scope="module")
def files(one: Play) -> list[bytes]:
    return [one.sealed(number, normals(number, PARAMETERS), None) for number in SITES]


def plain_words(one: Play, number: int) -> Words:
    """What the coalition is after."""
    values = normals(number, PARAMETERS)
    update = privatized(values)
    scaling = site_scaling(update, one.seal, one.roster, site(number))
    return next(PackedUpdate(update, values, one.seal, scaling, None).words())


def first_chunk(one: Play, data: bytes) -> tuple[CheckedUpdate, bytes]:
    file = io.BytesIO(data)
    checked = check_update(file, one.seal, one.roster, verify, one.adder().check)
    return checked, next(checked.chunks(file))[1]


def looks_uniform(one: Play, words: Words) -> bool:
    """Whether each bit of the words that count is set in about half of them."""
    shifts = np.arange(one.shape.packing.modulus_bits, dtype=np.uint64)
    bits = ((words[:, None] >> shifts) & np.uint64(1)).mean(axis=0)
    return bool(np.abs(bits - 0.5).max() < 6 * 0.5 / np.sqrt(words.size))


def test_values_in_the_clear_do_not_look_uniform(one: Play) -> None:
    assert not looks_uniform(one, plain_words(one, 0))


def test_with_the_lattice_key_one_update_is_still_masked(one: Play, files: list[bytes]) -> None:
    opened = []
    for number in SITES:
        _, payload = first_chunk(one, files[number])
        words = one.opener().open(0, payload)
        opened.append(words)
        assert looks_uniform(one, words)
        assert np.count_nonzero(words == plain_words(one, number)) < 3
    # Nor do two sites' masked words tell of their difference.
    difference = (opened[0] - opened[1]) & modulus_mask(one.shape.packing)
    assert looks_uniform(one, difference)


def test_the_sum_of_all_masks_takes_none_off_one_update(one: Play, files: list[bytes]) -> None:
    signed = [first_chunk(one, data)[0].signed for data in files]
    [sums] = one.mask_sums(signed)
    _, payload = first_chunk(one, files[0])
    words = one.opener().open(0, payload)
    guess = unmasked(words, [sums.words(0, words.size)], one.shape.packing)
    assert looks_uniform(one, guess)


def test_with_the_mask_key_one_update_is_still_encrypted(one: Play, files: list[bytes]) -> None:
    checked, payload = first_chunk(one, files[0])
    mask = custodian_masks(mask_key(0), one.seal, checked.signed.update, one.shape)
    assert mask.words(0, 4).size == 4
    with pytest.raises(SealInvalid, match="under another key"):
        BfvOpener(new_opening_key(), one.shape).open(0, payload)


def test_with_both_the_masks_come_off_which_is_why_there_are_two(
    one: Play, files: list[bytes]
) -> None:
    checked, payload = first_chunk(one, files[0])
    mask = custodian_masks(mask_key(0), one.seal, checked.signed.update, one.shape)
    words = one.opener().open(0, payload)
    opened = unmasked(words, [mask.words(0, words.size)], one.shape.packing)
    assert (opened == plain_words(one, 0)).all()


@pytest.mark.parametrize("coalition", [0, 1, 2])
def test_one_of_three_mask_custodians_is_enough_to_keep_an_update(coalition: int) -> None:
    one = play(roster(2), Suite.MASK, custodians=3, parameters=PARAMETERS)
    checked, payload = first_chunk(one, one.sealed(0, normals(0, PARAMETERS), None))
    words = one.opener().open(0, payload)
    known = [
        custodian_masks(mask_key(number), one.seal, checked.signed.update, one.shape)
        for number in range(3)
        if number != coalition
    ]
    left = unmasked(words, [mask.words(0, words.size) for mask in known], one.shape.packing)
    assert looks_uniform(one, left)


def test_another_site_derives_no_masks(one: Play, files: list[bytes]) -> None:
    checked, _ = first_chunk(one, files[0])
    for key in (new_mask_key(), MaskKey.from_secret_bytes(bytes(32))):
        with pytest.raises(SealForeign, match="other custodians"):
            custodian_masks(key, one.seal, checked.signed.update, one.shape)


def test_a_second_try_at_a_round_has_other_masks(one: Play) -> None:
    values = normals(0, PARAMETERS)
    opened = []
    for _ in range(2):
        _, payload = first_chunk(one, one.sealed(0, values, None))
        opened.append(one.opener().open(0, payload))
    difference = (opened[0] - opened[1]) & modulus_mask(one.shape.packing)
    assert looks_uniform(one, difference)
