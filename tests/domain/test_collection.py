"""A collection counts a site once, closes over the quorum only, and knows who is missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.collection import Announced, Collection, Manifest, Refusal, refusal_of
from securefed.domain.identifiers import Digest, Signature
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.update import SealedUpdate, SignedUpdate
from securefed.errors import SealInvalid, SumIncomplete, UpdateLate, UpdateTwice
from tests.aggregation.round_of_sites import CUSTODIAN, roster, seal, site


def word(number: int, body: str = "4") -> SignedUpdate:
    update = SealedUpdate(
        seal=Digest("sha256:" + "5" * 64),
        site=site(number),
        once=CUSTODIAN,
        chunks=1,
        chunk_bytes=8,
        body=Digest("sha256:" + body * 64),
        saturated=0,
    )
    return SignedUpdate(update=update, signature=Signature("6" * 128))


def collection(sites: int = 4, quorum: int = 2) -> Collection:
    announced = roster(sites)
    return Collection(announced=Announced(seal=seal(announced, quorum=quorum), roster=announced))


def test_the_same_update_again_is_the_same_collection() -> None:
    one = collection().with_update(word(0))
    assert one.with_update(word(0)) is one
    assert one.with_update(word(1)).closing().with_update(word(0)).closed


def test_another_update_of_a_site_is_refused_before_and_after_closing() -> None:
    one = collection().with_update(word(0)).with_update(word(1))
    for state in (one, one.closing()):
        with pytest.raises(UpdateTwice):
            state.with_update(word(0, "7"))


def test_nothing_comes_in_once_it_is_closed() -> None:
    closed = collection().with_update(word(0)).with_update(word(1)).closing()
    with pytest.raises(UpdateLate, match="site-0002"):
        closed.with_update(word(2))
    assert closed.reopened().with_update(word(2)).manifest.updates[-1] == word(2)


def test_below_the_quorum_it_does_not_close() -> None:
    one = collection(quorum=2).with_update(word(3))
    assert not one.enough
    with pytest.raises(SumIncomplete, match="1 sites are below the quorum of 2"):
        one.closing()


def test_a_refusal_hinders_no_sound_update_and_silence_is_known() -> None:
    refusal = refusal_of(site(1), SealInvalid("The file ends within its header"))
    one = collection().with_update(word(0)).with_refusal(refusal)
    assert one.silent == (site(2), site(3))
    assert one.with_update(word(1)).delivered.keys() == {site(0), site(1)}
    spoiled = one.without(refusal_of(site(0), SealInvalid("Chunk 3 has changed")))
    assert not spoiled.delivered
    assert spoiled.refused[site(0)].reason == "Chunk 3 has changed"


@given(st.permutations(range(4)))
def test_a_manifest_does_not_depend_on_who_came_first(order: list[int]) -> None:
    one = collection()
    for number in order:
        one = one.with_update(word(number))
    assert one.manifest == Manifest(updates=tuple(word(number) for number in range(4)))
    assert from_bytes(Manifest, to_bytes(one.manifest)) == one.manifest


def test_parts_of_a_sum_are_bound_to_their_updates() -> None:
    one = collection().with_update(word(0))
    bindings = {state.manifest.binding for state in (one, one.with_update(word(1)), collection())}
    assert len(bindings) == 3


@given(st.text(max_size=600))
def test_whatever_an_error_says_can_be_noted_and_read_again(said: str) -> None:
    refusal = refusal_of(site(0), SealInvalid(said))
    assert from_bytes(Refusal, to_bytes(refusal)) == refusal
    assert refusal.reason.isascii()
    assert refusal.reason.isprintable()
