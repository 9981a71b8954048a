"""One contract for every suite: from values at sites to the average, exact and with dropouts."""

from itertools import combinations

import numpy as np
import pytest

from securefed.adapters.masking.stream import SecureChances
from securefed.aggregation.chunks import ChunkAdder
from securefed.aggregation.grid import average_step
from securefed.aggregation.shape import grid_of
from securefed.domain.study import Suite
from securefed.errors import SealInvalid, SuiteUnfit, SumIncomplete
from tests.adapters.sealing.parties import Play, play, words_of
from tests.aggregation.round_of_sites import REACH, normals, roster, seeded

SUITES = [Suite.BFV, Suite.BFV_MASK, Suite.MASK]
TINY = 2.0**-36


@pytest.fixture(params=SUITES, ids=str)
def suite(request: pytest.FixtureRequest) -> Suite:
    found: Suite = request.param
    return found


def opened_error(
    one: Play, weights: tuple[int, ...], present: tuple[int, ...], *, by_chance: bool
) -> float:
    """By how many of its steps the opened average is off the plain one, at most."""
    values = {number: normals(number, one.seal.parameters) for number in present}
    files = [
        one.sealed(number, values[number], seeded(number) if by_chance else None)
        for number in present
    ]
    opened = one.opened(one.summed(files))
    weight = sum(weights[number] for number in present)
    plain = sum(
        np.clip(values[number].astype(np.float64), -float(REACH), float(REACH))
        * (weights[number] / weight)
        for number in present
    )
    step = average_step(
        grid_of(one.seal),
        contributors=len(present),
        heaviest=max(weights),
        weight=weight,
    )
    return float(np.abs(opened - plain).max()) / step


@pytest.mark.parametrize(
    ("bits", "weights", "present"),
    [
        (16, (7,), (0,)),
        (8, (1, 1), (0, 1)),
        (12, (3, 10, 5), (0, 1, 2)),
        (16, (3, 10, 5), (0, 2)),
    ],
)
def test_the_opened_average_is_the_plain_one(
    suite: Suite, bits: int, weights: tuple[int, ...], present: tuple[int, ...]
) -> None:
    one = play(roster(len(weights), weights), suite, bits=bits, parameters=100)
    assert opened_error(one, weights, present, by_chance=False) <= 0.5 + TINY
    assert opened_error(one, weights, present, by_chance=True) <= 1 + TINY


def test_an_update_of_several_chunks_is_opened_whole(suite: Suite) -> None:
    parameters = 200_000 if suite is Suite.MASK else 9_000
    one = play(roster(2), suite, bits=16, parameters=parameters)
    assert one.shape.chunks >= 2
    assert opened_error(one, (1, 1), (0, 1), by_chance=False) <= 0.5 + TINY


@pytest.mark.parametrize("custodians", [1, 2, 3])
def test_masks_of_several_custodians_come_off_together(custodians: int) -> None:
    one = play(roster(3), Suite.MASK, custodians=custodians)
    assert opened_error(one, (1, 1, 1), (0, 1, 2), by_chance=False) <= 0.5 + TINY


def test_saturated_values_are_counted_in_the_signed_update(suite: Suite) -> None:
    one = play(roster(1), suite, parameters=10)
    values = np.linspace(-1, 1, 10, dtype=np.float32)
    opened = one.opened(one.summed([one.sealed(0, values, SecureChances())]))
    assert np.abs(opened).max() == pytest.approx(float(REACH), abs=grid_of(one.seal).step)
    assert b'"saturated":6' in one.sealed(0, values, None)


def test_the_same_values_are_never_sealed_to_the_same_bytes(suite: Suite) -> None:
    one = play(roster(1), suite, parameters=100)
    values = np.zeros(100, np.float32)
    files = [one.sealed(0, values, None) for _ in range(3)]
    for first, second in combinations(files, 2):
        alike = sum(a == b for a, b in zip(first[-4000:], second[-4000:], strict=False))
        assert alike < 3900


def loaded_adder(one: Play) -> tuple[ChunkAdder, bytes]:
    adder = one.adder()
    payload = one.sealer().seal(0, words_of(one.shape, 0, 1))
    adder.add(0, payload)
    return adder, payload


def test_a_total_can_be_added_to_again_after_a_restart(suite: Suite) -> None:
    one = play(roster(3), suite)
    parts = [words_of(one.shape, 0, seed) for seed in range(3)]
    sealer, first, second = one.sealer(), one.adder(), one.adder()
    first.add(0, sealer.seal(0, parts[0]))
    first.add(0, sealer.seal(0, parts[1]))
    second.add(0, first.total(0))
    second.add(0, sealer.seal(0, parts[2]))
    assert (one.opener().open(0, second.total(0)) == sum(parts)).all()


def test_a_refused_payload_leaves_the_sum_as_it_was(suite: Suite) -> None:
    one = play(roster(2), suite)
    adder, payload = loaded_adder(one)
    before = one.opener().open(0, adder.total(0))
    for wrong in (b"", payload[:-1], payload + b"\0"):
        with pytest.raises(SealInvalid):
            adder.check(0, wrong)
        with pytest.raises(SealInvalid):
            adder.add(0, wrong)
        with pytest.raises(SealInvalid):
            one.opener().open(0, wrong)
    assert (one.opener().open(0, adder.total(0)) == before).all()


def test_a_chunk_that_is_not_there_has_no_place(suite: Suite) -> None:
    one = play(roster(2), suite)
    adder, payload = loaded_adder(one)
    for index in (-1, 1):
        with pytest.raises(SuiteUnfit, match="There is no chunk"):
            adder.check(index, payload)
        with pytest.raises(SuiteUnfit, match="There is no chunk"):
            adder.add(index, payload)
    with pytest.raises(SumIncomplete, match="Nothing was added to chunk 0"):
        one.adder().total(0)


def test_words_of_another_number_are_not_sealed(suite: Suite) -> None:
    one = play(roster(2), suite)
    with pytest.raises(SealInvalid, match="words to seal"):
        one.sealer().seal(0, words_of(one.shape, 0, 1)[:-1])
