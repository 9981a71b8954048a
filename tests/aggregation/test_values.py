"""Values to words and back through a sum, for rosters up to the largest; and a chunk's shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.aggregation.fields import DEGREE
from securefed.aggregation.grid import average_step
from securefed.aggregation.packing import modulus_mask
from securefed.aggregation.shape import (
    CIPHERTEXT_BYTES,
    MASK_SLOTS,
    digits_of,
    grid_of,
    shape_of,
)
from securefed.aggregation.values import (
    PackedUpdate,
    opened_average,
    opened_digits,
    site_scaling,
)
from securefed.domain.study import Suite
from securefed.domain.update import SealedSum, SealedUpdate, SignedUpdate
from securefed.errors import SealForeign, SuiteUnfit, UpdateUnusable
from tests.aggregation.round_of_sites import (
    LAYOUT,
    normals,
    privatized,
    roster,
    seal,
    seeded,
    signer,
    site,
)

SUITES = [Suite.BFV, Suite.BFV_MASK, Suite.MASK]
ROSTER = roster(2)
SEAL = seal(ROSTER, parameters=20)


def packed(values: np.ndarray, **changes: object) -> PackedUpdate:
    update = privatized(values)
    scaling = site_scaling(update, SEAL, ROSTER, site(0))
    return PackedUpdate(update, values, seal(ROSTER, **changes), scaling, None)


def summed(present: range, chunks: int) -> SealedSum:
    signature = signer(0).sign(b"")
    updates = tuple(
        SignedUpdate(
            update=SealedUpdate(
                seal=LAYOUT,
                site=site(number),
                once=None,
                chunks=chunks,
                chunk_bytes=1,
                body=LAYOUT,
                saturated=0,
            ),
            signature=signature,
        )
        for number in present
    )
    return SealedSum(seal=LAYOUT, updates=updates, chunks=chunks, chunk_bytes=1, body=LAYOUT)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(
    ("bits", "sites", "present"),
    [(8, 1, 1), (12, 2, 2), (8, 100, 70), (16, 100, 100), (12, 1000, 1000)],
)
def test_the_average_of_a_whole_roster_is_right(
    suite: Suite, bits: int, sites: int, present: int
) -> None:
    announced = roster(sites, tuple(1 + number % 7 for number in range(sites)))
    made = seal(announced, suite=suite, bits=bits, parameters=7)
    shape = shape_of(made)
    total, plain = np.zeros(shape.slots(0), np.uint64), np.zeros(7)
    for number in range(present):
        # Every third site at a bound in all places, so that the sums come close to theirs.
        values = normals(number, 7) if number % 3 else np.full(7, 0.5, np.float32)
        update = privatized(values)
        scaling = site_scaling(update, made, announced, site(number))
        draw = seeded(number) if number % 2 else None
        [words] = PackedUpdate(update, values, made, scaling, draw).words()
        total += words
        weight = announced.contributors[number].weight
        plain += np.clip(values.astype(np.float64), -0.5, 0.5) * weight
    complete = summed(range(present), 1)
    weight = complete.weight(announced)
    opened = opened_average(total & modulus_mask(shape.packing), 0, made, announced, complete)
    step = average_step(
        grid_of(made), contributors=present, heaviest=announced.heaviest, weight=weight
    )
    assert np.abs(opened - plain / weight).max() < step


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("short", [0, 3])
def test_tallies_lie_behind_the_values_and_sum_whatever_sites_weigh(
    suite: Suite, bits: int, short: int
) -> None:
    announced, numbers = roster(3, (1, 900, 30)), 5
    # The values end where a chunk does, or a little before: digits lie in two chunks then.
    size = shape_of(seal(announced, suite=suite, bits=bits)).packing.fields * (
        MASK_SLOTS if suite is Suite.MASK else DEGREE
    )
    made = seal(announced, suite=suite, bits=bits, parameters=size - short, tally=numbers)
    shape, plain = shape_of(made), np.zeros(size - short)
    tallies = np.random.default_rng(bits).normal(0, 4000, (3, numbers))
    sums = [np.zeros(shape.slots(index), np.uint64) for index in range(shape.chunks)]
    assert shape.chunks == 2
    for number, tally in enumerate(tallies):
        values = normals(number, made.parameters)
        scaling = site_scaling(privatized(values), made, announced, site(number))
        update = PackedUpdate(
            privatized(values), values, made, scaling, seeded(number), tally=tally
        )
        for total, words in zip(sums, update.words(), strict=True):
            total += words
        plain += (
            np.clip(values.astype(np.float64), -0.5, 0.5) * announced.contributors[number].weight
        )
    complete = summed(range(3), 2)
    kept = [one & modulus_mask(shape.packing) for one in sums]
    average = [opened_average(one, at, made, announced, complete) for at, one in enumerate(kept)]
    step = average_step(grid_of(made), contributors=3, heaviest=900, weight=931)
    assert np.abs(np.concatenate(average) - plain / 931).max() < step
    found = [opened_digits(one, at, made) for at, one in enumerate(kept)]
    opened = digits_of(made).summed(found, 3)
    assert np.abs(opened - tallies.sum(0)).max() <= 3 / 128


def test_a_tally_of_another_length_than_the_seal_says_is_not_packed() -> None:
    values = normals(0, 20)
    scaling = site_scaling(privatized(values), SEAL, ROSTER, site(0))
    for stated, brought in ((0, 4), (4, 0), (4, 3)):
        made = seal(ROSTER, parameters=20, tally=stated)
        with pytest.raises(UpdateUnusable, match=f"A tally of {stated} numbers"):
            PackedUpdate(privatized(values), values, made, scaling, None, np.zeros(brought))


def test_an_update_of_another_layout_or_size_is_not_packed() -> None:
    values = normals(0, 20)
    with pytest.raises(SealForeign, match="another layout"):
        packed(values, parameters=21)
    with pytest.raises(SealForeign, match="another layout"):
        packed(values, parameters=20, layout=ROSTER.digest)
    update, scaling = privatized(values), site_scaling(privatized(values), SEAL, ROSTER, site(0))
    for wrong in (values[:-1], values.reshape(4, 5), values.astype(np.float64)):
        with pytest.raises(UpdateUnusable, match="20 values of float32"):
            PackedUpdate(update, wrong, SEAL, scaling, None)


def test_one_value_that_is_no_number_stops_the_whole_update() -> None:
    values = normals(0, 20)
    update = privatized(values)
    scaling = site_scaling(update, SEAL, ROSTER, site(0))
    values[19] = np.nan
    with pytest.raises(UpdateUnusable, match="no finite numbers"):
        list(PackedUpdate(update, values, SEAL, scaling, None).words())


def test_saturated_values_are_counted_once_for_each_pass() -> None:
    values = np.full(20, 0.6, np.float32)
    one = packed(values, parameters=20)
    for _ in range(2):
        list(one.words())
        assert one.saturated == 20


@settings(max_examples=60)
@given(
    st.sampled_from(SUITES),
    st.sampled_from([8, 12, 16]),
    st.integers(1, 1_000_000),
    st.sampled_from([1, 10, 1000]),
)
def test_chunks_cover_every_value_once(
    suite: Suite, bits: int, parameters: int, sites: int
) -> None:
    made = seal(ROSTER, suite=suite, bits=bits, parameters=parameters, contributors=sites)
    shape = shape_of(made)
    covered = 0
    for index in range(shape.chunks):
        inside = shape.values(index)
        assert inside.start == covered < inside.stop
        covered = inside.stop
        assert 1 <= shape.slots(index) <= shape.chunk_slots
        assert shape.slots(index) * shape.packing.fields >= inside.stop - inside.start
        expected = 8 * shape.slots(index) if suite is Suite.MASK else CIPHERTEXT_BYTES
        assert shape.payload_bytes(index) == expected
    assert covered == parameters
    sizes = [shape.payload_bytes(index) for index in range(shape.chunks)]
    assert sum(sizes) == shape.total_bytes
    assert all(size == shape.chunk_bytes for size in sizes[:-1])
    with pytest.raises(SuiteUnfit, match="There is no chunk"):
        shape.values(shape.chunks)
