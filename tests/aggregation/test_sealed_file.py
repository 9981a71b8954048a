"""Sealed files: what is written is read back, and every other byte string is refused by name.

The suite is `mask`, whose payloads are words as they are; the lattice's own cases are with its
adapter.
"""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from securefed.adapters.ed25519_keys import Ed25519Signer, verify
from securefed.aggregation.frames import LARGEST_HEADER, MAGIC, framed
from securefed.aggregation.plain_words import PlainWords, WordAdder
from securefed.aggregation.sealed_file import (
    CheckedSum,
    CheckedUpdate,
    SignedSum,
    UpdateHeader,
    check_sum,
    check_update,
    sum_header,
    update_header,
    written_sum,
    written_update,
)
from securefed.aggregation.shape import shape_of
from securefed.domain.identifiers import Digest, ExchangeKey
from securefed.domain.records import to_bytes
from securefed.domain.study import Suite
from securefed.domain.update import Roster, Seal, SealedSum, SignedUpdate
from securefed.errors import (
    IntegrityError,
    SealForeign,
    SealInvalid,
    SumIncomplete,
)
from tests.aggregation.round_of_sites import closing, roster, seal, signer, site

ROSTER = roster(3)
# Five values a word, two words: 16 bytes, so that each byte of a file can be tried.
SMALL = seal(ROSTER, bits=12, parameters=10)
ONCE = ExchangeKey("x25519:" + "a" * 64)
COORDINATOR = Ed25519Signer(b"c" * 32)


def payloads(wanted: Seal, number: int = 0) -> list[bytes]:
    generator = np.random.default_rng(number)
    shape, plain = shape_of(wanted), PlainWords(shape_of(wanted))
    return [
        plain.seal(index, generator.integers(0, 2**64, shape.slots(index), dtype=np.uint64))
        for index in range(shape.chunks)
    ]


def sealed(wanted: Seal, number: int = 0, **changes: object) -> bytes:
    header = replace(update_header(wanted, site(number), ONCE), **changes)
    return b"".join(written_update(header, payloads(wanted, number), closing(number, header)))


def checked(
    data: bytes, wanted: Seal = SMALL, announced: Roster = ROSTER
) -> tuple[CheckedUpdate, io.BytesIO]:
    file = io.BytesIO(data)
    adder = WordAdder(shape_of(wanted))
    return check_update(file, wanted, announced, verify, adder.check), file


def read_back(data: bytes, wanted: Seal = SMALL) -> list[bytes]:
    update, file = checked(data, wanted)
    return [payload for _, payload in update.chunks(file)]


GOOD = sealed(SMALL)
HEADER = to_bytes(update_header(SMALL, site(0), ONCE))
BODY = len(MAGIC) + 4 + len(HEADER)


@pytest.mark.parametrize("parameters", [1, 4, 5, 262_144, 262_145, 600_000])
def test_what_is_written_is_read_back_in_chunks(parameters: int) -> None:
    wanted = seal(ROSTER, parameters=parameters)
    update, file = checked(sealed(wanted), wanted)
    assert [payload for _, payload in update.chunks(file)] == payloads(wanted)
    assert update.signed.update.site == site(0)
    last = shape_of(wanted).chunks - 1
    assert list(update.chunks(file, last)) == [(last, payloads(wanted)[last])]
    assert list(update.chunks(file, 0, 0)) == []


def test_every_flipped_byte_is_refused() -> None:
    for place in range(len(GOOD)):
        data = bytearray(GOOD)
        data[place] ^= 1 << (place % 8)
        with pytest.raises((SealInvalid, SealForeign)):
            checked(bytes(data))


def test_every_cut_and_every_longer_file_is_refused() -> None:
    for length in range(len(GOOD)):
        with pytest.raises(SealInvalid):
            checked(GOOD[:length])
    with pytest.raises(SealInvalid, match="goes on behind"):
        checked(GOOD + b"\0")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "ends within its first line", id="nothing"),
        pytest.param(b"x" * 4000, "not a sealed file", id="another file"),
        pytest.param(
            GOOD.replace(b"sealed 1\n", b"sealed 2\n"), "of this version", id="a later version"
        ),
        pytest.param(MAGIC + bytes(4), "header claims 0 bytes", id="no header"),
        pytest.param(MAGIC + b"\xff" * 4, "header claims 4294967295 bytes", id="an endless header"),
        pytest.param(MAGIC + b"\5\0\0\0hello", "Not the header", id="a header of text"),
        pytest.param(MAGIC + b"\2\0\0\0{}", "Not the header", id="a header of another kind"),
        pytest.param(GOOD[:BODY] + bytes(4), "chunk 0 claims 0 bytes", id="an empty chunk"),
        pytest.param(
            GOOD[:BODY] + b"\x08\0\0\0" + bytes(8), "chunk 0 claims 8 bytes", id="a short chunk"
        ),
        pytest.param(
            GOOD[:BODY] + b"\xff" * 4, "chunk 0 claims 4294967295 bytes", id="an endless chunk"
        ),
        pytest.param(GOOD[: BODY + 28], "ends within its length of the trailer", id="no trailer"),
        pytest.param(GOOD[: BODY + 28] + b"\0\0\0\x7f", "trailer claims", id="a huge trailer"),
    ],
)
def test_hostile_files_are_refused_for_a_named_reason(data: bytes, reason: str) -> None:
    with pytest.raises(SealInvalid, match=reason):
        checked(data)


def test_a_header_is_never_written_that_could_not_be_read() -> None:
    with pytest.raises(SealInvalid, match="too long"):
        list(framed(bytes(LARGEST_HEADER + 1), [], lambda _: b""))


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("round", {"round": 4}),
        ("attempt", {"attempt": 2}),
        ("roster", {"roster": roster(2).digest}),
        ("quorum", {"quorum": 2}),
        ("layout", {"layout": Digest("sha256:" + "9" * 64)}),
        ("bits", {"bits": 16}),
        ("reach", {"reach": seal(ROSTER).bound}),
        ("custodians", {"custodians": (ONCE,)}),
        ("parameters", {"parameters": 11}),
    ],
)
def test_what_is_sealed_for_another_round_is_refused_by_the_field(
    field: str, changes: dict[str, object]
) -> None:
    other = replace(SMALL, **changes)
    with pytest.raises(SealForeign, match=f"another {field}"):
        checked(sealed(other))


def test_another_suite_or_key_is_refused_by_the_field() -> None:
    lattice = seal(ROSTER, suite=Suite.BFV_MASK, parameters=10)
    with pytest.raises(SealForeign, match="another suite, key"):
        checked(sealed(lattice))
    with pytest.raises(SealForeign, match="for another key"):
        checked(sealed(replace(lattice, key=ROSTER.digest)), lattice)


@pytest.mark.parametrize("changes", [{"chunks": 2}, {"chunk_bytes": 8}])
def test_chunks_are_never_counted_by_a_peer(changes: dict[str, object]) -> None:
    with pytest.raises(SealInvalid, match="not what its seal demands"):
        checked(sealed(SMALL, **changes))


def test_a_site_that_the_roster_does_not_name_is_refused() -> None:
    with pytest.raises(SealForeign, match="does not name the site site-0003"):
        checked(sealed(SMALL, 3))


def test_a_roster_that_the_seal_does_not_name_is_refused() -> None:
    with pytest.raises(SealForeign, match="roster is not the one"):
        checked(GOOD, SMALL, roster(2))


def test_one_site_cannot_sign_for_another() -> None:
    header = update_header(SMALL, site(0), ONCE)
    data = b"".join(written_update(header, payloads(SMALL), closing(1, header)))
    with pytest.raises(SealInvalid, match="signature of site-0000"):
        checked(data)


def test_masks_need_the_sites_own_key() -> None:
    with pytest.raises(SealInvalid, match="does not fit its suite"):
        checked(sealed(SMALL, once=None))


def test_a_chunk_counts_at_its_own_place_and_in_its_own_file_only() -> None:
    wanted = seal(ROSTER, parameters=600_000)
    whole = [payloads(wanted, number) for number in (0, 1)]
    header = update_header(wanted, site(0), ONCE)
    signed = closing(0, header)(checked(sealed(wanted), wanted)[0].signed.update.body)
    for parts in ([*reversed(whole[0][:2]), whole[0][2]], [whole[1][0], *whole[0][1:]]):
        data = b"".join(written_update(header, parts, lambda _: signed))
        with pytest.raises(SealInvalid, match="not that of this header and body"):
            checked(data, wanted)


def test_a_trailer_of_another_update_by_the_same_site_is_refused() -> None:
    other = closing(0, update_header(SMALL, site(0), ONCE))(ROSTER.digest)
    header = update_header(SMALL, site(0), ONCE)
    data = b"".join(written_update(header, payloads(SMALL), lambda _: other))
    with pytest.raises(SealInvalid, match="not that of this header and body"):
        checked(data)


def test_more_saturated_values_than_values_are_refused() -> None:
    header = update_header(SMALL, site(0), ONCE)
    close = closing(0, header, lambda: 11)
    with pytest.raises(SealInvalid, match="more saturated values"):
        checked(b"".join(written_update(header, payloads(SMALL), close)))


def test_a_file_that_changes_after_it_was_checked_is_noticed() -> None:
    update, file = checked(GOOD)
    file.getbuffer()[BODY + 5] ^= 1
    with pytest.raises(SealInvalid, match="Chunk 0 has changed"):
        list(update.chunks(file))
    file.truncate(BODY + 10)
    with pytest.raises(SealInvalid, match="ends within"):
        list(update.chunks(file))


@given(st.binary(max_size=200), st.integers(0, len(GOOD)), st.integers(0, 200))
@example(b"", 0, 0)
def test_no_bytes_at_any_place_open_to_anything_else(
    noise: bytes, place: int, replaced: int
) -> None:
    data = GOOD[:place] + noise + GOOD[place + replaced :]
    try:
        found = read_back(data)
    except IntegrityError:
        return
    assert data == GOOD
    assert found == payloads(SMALL)


# --- sums ----------------------------------------------------------------------------------------


def manifest(wanted: Seal, numbers: tuple[int, ...]) -> tuple[SignedUpdate, ...]:
    return tuple(checked(sealed(wanted, number), wanted)[0].signed for number in numbers)


def summed(
    wanted: Seal,
    numbers: tuple[int, ...] = (0, 1, 2),
    change: Callable[[SealedSum], SealedSum] = lambda one: one,
    coordinator: Ed25519Signer = COORDINATOR,
) -> bytes:
    header = sum_header(wanted)

    def close(body: Digest) -> SignedSum:
        made = change(
            SealedSum(
                seal=wanted.digest,
                updates=manifest(wanted, numbers),
                chunks=header.chunks,
                chunk_bytes=header.chunk_bytes,
                body=body,
            )
        )
        return SignedSum(sum=made, signature=coordinator.sign(made.signed))

    return b"".join(written_sum(header, payloads(wanted), close))


def checked_sum(data: bytes, wanted: Seal = SMALL) -> CheckedSum:
    check = WordAdder(shape_of(wanted)).check
    return check_sum(io.BytesIO(data), wanted, ROSTER, COORDINATOR.key, verify, check)


def test_a_complete_sum_is_read_with_its_manifest() -> None:
    data = summed(SMALL)
    found = checked_sum(data)
    assert found.signed.sum.sites == (site(0), site(1), site(2))
    assert [payload for _, payload in found.chunks(io.BytesIO(data))] == payloads(SMALL)


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ((), "0 sites are below"),
        ((1,), "1 sites are below"),
        ((0, 0, 1), "twice"),
        ((1, 0), "sort"),
    ],
)
def test_a_sum_that_is_not_complete_is_refused(numbers: tuple[int, ...], reason: str) -> None:
    wanted = replace(SMALL, quorum=2)
    data = summed(wanted, numbers)
    with pytest.raises(SumIncomplete, match=reason):
        checked_sum(data, wanted)


def test_a_sum_with_an_update_for_another_round_or_by_another_hand_is_refused() -> None:
    foreign = manifest(replace(SMALL, round=4), (0, 1, 2))
    with pytest.raises(SealForeign, match="sealed for another round"):
        checked_sum(summed(SMALL, change=lambda one: replace(one, updates=foreign)))
    first, second, third = manifest(SMALL, (0, 1, 2))
    forged = replace(first, signature=second.signature)
    with pytest.raises(SealInvalid, match="signature of site-0000"):
        checked_sum(summed(SMALL, change=lambda one: replace(one, updates=(forged, second, third))))


def test_a_sum_that_the_coordinator_did_not_sign_is_refused() -> None:
    with pytest.raises(SealInvalid, match="coordinator's signature"):
        checked_sum(summed(SMALL, coordinator=signer(0)))


@pytest.mark.parametrize("change", [{"chunks": 2}, {"chunk_bytes": 1}, {"body": ROSTER.digest}])
def test_a_sums_trailer_is_that_of_its_body(change: dict[str, object]) -> None:
    with pytest.raises(SealInvalid, match="not that of this header and body"):
        checked_sum(summed(SMALL, change=lambda one: replace(one, **change)))


def test_an_update_is_no_sum_and_a_sum_no_update() -> None:
    with pytest.raises(SealInvalid, match="Not the header"):
        checked_sum(GOOD)
    with pytest.raises(SealInvalid, match="Not the header"):
        checked(summed(SMALL))


def test_a_header_holds_its_seal_whole() -> None:
    assert isinstance(update_header(SMALL, site(0), ONCE), UpdateHeader)
    assert update_header(SMALL, site(0), ONCE).seal == SMALL
