"""What comes in from sites: each hostile file is refused by name, noted, and hinders nobody."""

import dataclasses
from collections.abc import Iterable, Iterator
from threading import Barrier, Thread

import numpy as np
import pytest

from securefed.adapters.memory_round import MemoryFiles
from securefed.aggregation.lengths import update_lengths
from securefed.aggregation.sealed_file import update_header, written_update
from securefed.domain.collection import Announced
from securefed.domain.study import Suite
from securefed.errors import (
    IntegrityError,
    SealForeign,
    SealInvalid,
    SecondRoster,
    StorageFailed,
    SumIncomplete,
    UpdateLate,
    UpdateTwice,
)
from securefed.steps.aggregate_round import close_sum
from securefed.steps.collect_updates import Collecting, announce
from securefed.steps.seal_update import closing
from tests.adapters.sealing.parties import COORDINATOR
from tests.aggregation.round_of_sites import normals, roster, seal, signer, site
from tests.steps.sealed_round import SealedRound, sealed_round


def refused(one: SealedRound, content: bytes, why: type[IntegrityError], match: str = ".") -> None:
    """The file is refused, noted with its code, and leaves nothing behind; the others go on."""
    collecting = one.collecting()
    before = set(one.files.names())
    with pytest.raises(why, match=match):
        collecting.receive(site(0), [content])
    assert collecting.state.refused[site(0)].code == why.code
    assert set(one.files.names()) - before == {f"1.{site(0)}.refused"}
    assert one.collecting().state.refused == collecting.state.refused
    collecting.receive(site(1), [one.sealed(1)])
    collecting.receive(site(0), [one.sealed(0)])
    assert set(collecting.state.delivered) == {site(0), site(1)}
    with close_sum(collecting, one.workers, COORDINATOR)() as file:
        assert file.read(9) == b"securefed"


def signed_by(one: SealedRound, content_of: int, key_of: int) -> bytes:
    """A site's file with the signature of another."""
    header = update_header(one.play.seal, site(content_of), one.play.seal.custodians[0])
    payloads = [bytes(one.play.shape.payload_bytes(0))]
    return b"".join(written_update(header, payloads, closing(header, lambda: 0, signer(key_of))))


def test_a_wrong_signature() -> None:
    one = sealed_round(3)
    refused(one, signed_by(one, 0, 1), SealInvalid, "signature")


def test_a_flipped_bit_anywhere() -> None:
    one = sealed_round(2)
    content = one.sealed(0)
    collecting = one.collecting()
    for place in range(0, len(content), 37):
        changed = bytearray(content)
        changed[place] ^= 1
        with pytest.raises(IntegrityError):
            collecting.receive(site(0), [bytes(changed)])
    assert not collecting.state.delivered


def test_a_file_that_is_cut_short_or_empty() -> None:
    one = sealed_round(3)
    refused(one, one.sealed(0)[:-1], SealInvalid)
    refused(sealed_round(3), b"", SealInvalid, "demands")


@pytest.mark.parametrize("suite", [Suite.MASK, Suite.BFV])
def test_plain_values(suite: Suite) -> None:
    one = sealed_round(3, suite)
    refused(one, one.values(0).tobytes(), SealInvalid)


def test_a_replay_from_another_round_or_attempt() -> None:
    for changed in ({"round": 2}, {"attempt": 2}):
        refused(sealed_round(3), sealed_round(3, **changed).sealed(0), SealForeign, *changed)


def test_an_update_for_another_roster() -> None:
    refused(sealed_round(3), sealed_round(4).sealed(0), SealForeign, "roster")


def test_a_site_that_sends_what_another_sealed() -> None:
    one = sealed_round(3)
    refused(one, one.sealed(2), SealForeign, "sent an update of")


def test_a_stranger_is_not_even_noted() -> None:
    one = sealed_round(3)
    collecting = one.collecting()
    with pytest.raises(SealForeign, match="does not name"):
        collecting.receive(site(9), [b"anything"])
    assert one.files.names() == ["1.announced"]
    assert not collecting.state.refused


def test_a_file_without_end_is_given_up_at_the_first_byte_too_many() -> None:
    taken = 0

    def endless(start: bytes) -> Iterator[bytes]:
        nonlocal taken
        yield start
        while True:
            taken += 1
            yield b"x"

    one = sealed_round(3)
    _, most = update_lengths(one.play.seal, site(0))
    content = one.sealed(0)
    with pytest.raises(SealInvalid, match="longer than"):
        one.collecting().receive(site(0), endless(content))
    assert taken == most - len(content) + 1


def test_what_stops_in_the_middle_leaves_nothing() -> None:
    class Hung(Exception):
        pass

    def stopping() -> Iterator[bytes]:
        yield b"securefed"
        raise Hung

    one = sealed_round(3)
    with pytest.raises(Hung):
        one.collecting().receive(site(0), stopping())
    assert one.files.names() == ["1.announced"]


# --- one update a site ----------------------------------------------------------------------------


def test_it_is_told_how_many_values_a_site_had_to_cut() -> None:
    one = sealed_round(2)
    collecting = one.collecting()
    inside = np.zeros(one.play.seal.parameters, np.float32)
    beyond = inside.copy()
    beyond[:3] = 1.01 * float(one.play.seal.reach)
    assert collecting.receive(site(0), [one.sealed(0, inside)]) == 0
    assert collecting.receive(site(1), [one.sealed(1, beyond)]) == 3


def test_the_same_bytes_twice_are_one_contribution_even_after_the_sum() -> None:
    one = sealed_round(2)
    content = one.sealed(0)
    collecting = one.collecting()
    for _ in range(3):
        collecting.receive(site(0), [content])
    state = collecting.state
    assert (len(state.delivered), dict(state.refused)) == (1, {})
    close_sum(collecting, one.workers, COORDINATOR)
    collecting.receive(site(0), [content])
    one.collecting().receive(site(0), [content])
    assert collecting.state.delivered == state.delivered


def test_other_bytes_of_the_same_site_are_refused_and_the_first_counts() -> None:
    one = sealed_round(2)
    collecting = one.collecting()
    collecting.receive(site(0), [one.sealed(0)])
    first = collecting.state.delivered
    with pytest.raises(UpdateTwice):
        collecting.receive(site(0), [one.sealed(0)])
    with pytest.raises(UpdateTwice):
        one.collecting().receive(site(0), [one.sealed(0, normals(99, 1000))])
    assert collecting.state.delivered == first
    assert collecting.state.refused[site(0)].code == "update-twice"


def test_who_is_silent_and_who_was_refused_is_known_at_the_end() -> None:
    one = sealed_round(4, quorum=1)
    collecting = one.collecting()
    collecting.receive(site(1), [one.sealed(1)])
    with pytest.raises(SealInvalid):
        collecting.receive(site(2), [b"nothing of the kind"])
    close_sum(collecting, one.workers, COORDINATOR)
    with pytest.raises(UpdateLate):
        collecting.receive(site(3), [one.sealed(3)])
    state = one.collecting().state
    assert (list(state.delivered), state.silent) == ([site(1)], (site(0),))
    assert {name: one.code for name, one in state.refused.items()} == {
        site(2): "seal-invalid",
        site(3): "update-late",
    }


def test_a_closing_and_an_update_at_the_same_moment_agree() -> None:
    """Whatever comes first: an update is in the sum and acknowledged, or it is neither."""
    for _ in range(30):
        one = sealed_round(3, quorum=2)
        collecting = one.collecting()
        for number in (0, 1):
            collecting.receive(site(number), [one.sealed(number)])
        content, start = one.sealed(2), Barrier(2)
        outcome: list[str] = []

        def send(
            collecting: Collecting = collecting,
            content: bytes = content,
            start: Barrier = start,
            outcome: list[str] = outcome,
        ) -> None:
            start.wait()
            try:
                collecting.receive(site(2), [content])
                outcome.append("taken")
            except UpdateLate:
                outcome.append("late")

        thread = Thread(target=send)
        thread.start()
        start.wait()
        manifest = collecting.close()
        thread.join()
        contributed = {one.update.site for one in manifest.updates}
        assert (site(2) in contributed) == (outcome == ["taken"])


def test_two_files_of_one_site_at_the_same_moment_are_one_contribution() -> None:
    one = sealed_round(2)
    collecting, files = one.collecting(), [one.sealed(0) for _ in range(4)]
    start = Barrier(4)
    outcome: list[UpdateTwice | None] = []

    def send(content: bytes) -> None:
        start.wait()
        try:
            collecting.receive(site(0), [content])
            outcome.append(None)
        except UpdateTwice as error:
            outcome.append(error)

    threads = [Thread(target=send, args=(content,)) for content in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcome.count(None) == 1
    assert len(outcome) == 4


# --- one roster a round ---------------------------------------------------------------------------


def changed(one: SealedRound, sites: int, **fields: object) -> Announced:
    other = roster(sites)
    made = dataclasses.replace(one.play.seal, roster=other.digest, contributors=sites, **fields)
    return Announced(seal=made, roster=other)


def test_a_second_roster_for_the_same_attempt_is_refused() -> None:
    one = sealed_round(3)
    one.collecting()
    with pytest.raises(SecondRoster, match="announced otherwise"):
        announce(one.files, changed(one, 2))
    with pytest.raises(SecondRoster, match="announced otherwise"):
        announce(one.files, changed(one, 3, quorum=2))


def test_another_attempt_replaces_one_that_was_not_closed() -> None:
    one = sealed_round(3, quorum=2)
    first = one.collecting()
    for number in (0, 1):
        first.receive(site(number), [one.sealed(number)])
    announce(one.files, changed(one, 2, attempt=2))
    with pytest.raises(SecondRoster, match="has replaced attempt 1"):
        close_sum(first, one.workers, COORDINATOR)
    with pytest.raises(SecondRoster):
        one.collecting()


def test_the_files_of_another_round_are_not_mixed() -> None:
    one = sealed_round(3)
    one.collecting()
    with pytest.raises(SealForeign, match="another round"):
        announce(one.files, changed(one, 3, round=4))


def test_a_seal_that_does_not_fit_its_roster_is_not_announced() -> None:
    one = sealed_round(3)
    with pytest.raises(SealForeign, match="another roster"):
        Announced(seal=one.play.seal, roster=roster(2))
    with pytest.raises(SealForeign, match="number of sites"):
        Announced(seal=seal(roster(3), contributors=2), roster=roster(3))


# --- the coordinator's own disk -------------------------------------------------------------------


class FullDisk(MemoryFiles):
    """A disk that takes nothing of some names any more."""

    full = ""

    def put(self, name: str, parts: Iterable[bytes]) -> None:
        if self.full and name.endswith(self.full):
            raise StorageFailed("Cannot write: no space left")
        super().put(name, parts)


@pytest.mark.parametrize("name", ["arriving.0", "digests", "word"])
def test_a_full_disk_is_not_the_sites_fault(name: str) -> None:
    files = FullDisk()
    one = sealed_round(2, files=files)
    collecting, content = one.collecting(), one.sealed(0)
    files.full = name
    with pytest.raises(StorageFailed):
        collecting.receive(site(0), [content])
    assert not collecting.state.refused
    assert not collecting.state.delivered
    files.full = ""
    one.collecting().receive(site(0), [content])
    collecting.receive(site(0), [content])
    assert list(collecting.state.delivered) == [site(0)]


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff"])
def test_a_damaged_word_puts_the_site_out_and_it_may_send_again(damage: bytes) -> None:
    files = MemoryFiles()
    one = sealed_round(2, files=files)
    content = one.sealed(0)
    one.collecting().receive(site(0), [content])
    files.content[f"1.{site(0)}.word"] = damage
    again = one.collecting()
    assert site(0) in again.state.refused
    again.receive(site(0), [content])
    assert list(again.state.delivered) == [site(0)]


def test_a_word_under_another_sites_name_counts_for_nobody() -> None:
    files = MemoryFiles()
    one = sealed_round(2, files=files)
    one.collecting().receive(site(0), [one.sealed(0)])
    for kind in ("word", "update", "digests"):
        files.content[f"1.{site(1)}.{kind}"] = files.content[f"1.{site(0)}.{kind}"]
    assert list(one.collecting().state.delivered) == [site(0)]


def test_a_quorum_that_is_lost_on_the_disk_opens_the_round_again() -> None:
    files = MemoryFiles()
    one = sealed_round(2, files=files, quorum=2)
    sealed = [one.sealed(number) for number in range(2)]
    collecting = one.collecting()
    for number in range(2):
        collecting.receive(site(number), [sealed[number]])
    collecting.close()
    files.content[f"1.{site(1)}.word"] = b""
    again = one.collecting()
    with pytest.raises(SumIncomplete):
        again.close()
    again.receive(site(1), [sealed[1]])
    assert len(again.close().updates) == 2


def test_lengths_bound_every_file_to_the_byte() -> None:
    for suite in (Suite.MASK, Suite.BFV, Suite.BFV_MASK):
        one = sealed_round(2, suite)
        least, most = update_lengths(one.play.seal, site(0))
        assert least <= len(one.sealed(0)) <= most < least + 10
        assert len(one.sealed(0, one.values(0) * 0)) == least
