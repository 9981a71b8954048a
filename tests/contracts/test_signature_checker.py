"""What every SignatureChecker does: it names the first entry that the key did not sign."""

import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from securefed.adapters import ed25519_keys
from securefed.adapters.memory import MemoryKeys
from securefed.domain.canonical import prefixed
from securefed.domain.ledger import ENTRY_KIND, StoredEntry
from securefed.ports import SignatureChecker, Signer


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """A way to make signers, and the checking that goes with it."""

    signer: Callable[[str], Signer]
    checker: SignatureChecker


@pytest.fixture(scope="module")
def in_process() -> Iterator[ed25519_keys.ProcessChecker]:
    with ed25519_keys.ProcessChecker() as checker:
        yield checker


@pytest.fixture(params=["memory", "ed25519"])
def scheme(
    request: pytest.FixtureRequest, tmp_path: Path, in_process: ed25519_keys.ProcessChecker
) -> Scheme:
    if request.param == "memory":
        keys = MemoryKeys()
        return Scheme(signer=keys.signer, checker=keys)
    return Scheme(
        signer=lambda name: ed25519_keys.create_key(tmp_path / f"{name}.key", name),
        checker=in_process,
    )


def signed_by(signer: Signer, number: int) -> list[StoredEntry]:
    texts = [f"entry {index}".encode() for index in range(number)]
    return [
        StoredEntry(data=text, signature=signer.sign(prefixed(ENTRY_KIND, text))) for text in texts
    ]


@pytest.mark.parametrize("number", [0, 1, 999, 1000, 1201])
def test_entries_that_the_key_signed_are_all_good(scheme: Scheme, number: int) -> None:
    dana = scheme.signer("dana")
    assert scheme.checker.begin(dana.key, signed_by(dana, number))() is None


@pytest.mark.parametrize("places", [(0,), (1200,), (600, 601), (640, 10, 1100), (7, 1190)])
def test_the_first_bad_one_is_named_wherever_others_are(
    scheme: Scheme, places: tuple[int, ...]
) -> None:
    dana, olivia = scheme.signer("dana"), scheme.signer("olivia")
    entries, others = signed_by(dana, 1201), signed_by(olivia, 1201)
    for place in places:
        entries[place] = others[place]
    assert scheme.checker.begin(dana.key, entries)() == min(places)


def test_a_signature_over_other_bytes_is_bad(scheme: Scheme) -> None:
    dana = scheme.signer("dana")
    one, two = signed_by(dana, 2)
    swapped = StoredEntry(data=one.data, signature=two.signature)
    assert scheme.checker.begin(dana.key, [one, swapped])() == 1


def test_nothing_is_signed_by_another_key(scheme: Scheme) -> None:
    entries = signed_by(scheme.signer("dana"), 3)
    assert scheme.checker.begin(scheme.signer("olivia").key, entries)() == 0


def test_several_answers_may_be_open_at_once(scheme: Scheme) -> None:
    dana, olivia = scheme.signer("dana"), scheme.signer("olivia")
    entries = signed_by(dana, 1001)
    good, bad = scheme.checker.begin(dana.key, entries), scheme.checker.begin(olivia.key, entries)
    assert (bad(), good()) == (0, None)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_was_killed_leaves_nothing_unchecked(tmp_path: Path, when: str) -> None:
    dana, olivia = (ed25519_keys.create_key(tmp_path / name, name) for name in ("dana", "olivia"))
    entries = signed_by(dana, 1001)
    entries[900] = signed_by(olivia, 901)[900]
    others = set(multiprocessing.active_children())
    with ed25519_keys.ProcessChecker() as checker:
        if when == "after":
            assert checker.begin(dana.key, entries)() == 900
        answer = checker.begin(dana.key, entries)
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        assert answer() == 900
        assert checker.begin(dana.key, entries)() == 900
