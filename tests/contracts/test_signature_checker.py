"""What every SignatureChecker does: it names the first entry that the key did not sign."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from securefed.adapters import ed25519_keys
from securefed.adapters.memory import MemoryKeys
from securefed.domain.canonical import prefixed
from securefed.domain.ledger import ENTRY_KIND, StoredEntry
from securefed.ports import SignatureChecker, Signer

pytestmark = pytest.mark.slow


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """A way to make signers, and the checking that goes with it."""

    signer: Callable[[str], Signer]
    checker: SignatureChecker


@pytest.fixture(params=["memory", "one thread", "three threads"])
def scheme(request: pytest.FixtureRequest, tmp_path: Path) -> Scheme:
    if request.param == "memory":
        keys = MemoryKeys()
        return Scheme(signer=keys.signer, checker=keys)
    checker = ed25519_keys.PooledChecker(threads=1 if request.param == "one thread" else 3)
    return Scheme(
        signer=lambda name: ed25519_keys.create_key(tmp_path / f"{name}.key", name),
        checker=checker,
    )


def signed_by(signer: Signer, number: int) -> list[StoredEntry]:
    texts = [f"entry {index}".encode() for index in range(number)]
    return [
        StoredEntry(data=text, signature=signer.sign(prefixed(ENTRY_KIND, text))) for text in texts
    ]


@pytest.mark.parametrize("number", [0, 1, 63, 64, 65, 400])
def test_entries_that_the_key_signed_are_all_good(scheme: Scheme, number: int) -> None:
    dana = scheme.signer("dana")
    assert scheme.checker.first_bad(dana.key, signed_by(dana, number)) is None


@pytest.mark.parametrize("places", [(0,), (399,), (133, 134), (64, 10, 300), (7, 390)])
def test_the_first_bad_one_is_named_wherever_others_are(
    scheme: Scheme, places: tuple[int, ...]
) -> None:
    dana, olivia = scheme.signer("dana"), scheme.signer("olivia")
    entries, others = signed_by(dana, 400), signed_by(olivia, 400)
    for place in places:
        entries[place] = others[place]
    assert scheme.checker.first_bad(dana.key, entries) == min(places)


def test_a_signature_over_other_bytes_is_bad(scheme: Scheme) -> None:
    dana = scheme.signer("dana")
    one, two = signed_by(dana, 2)
    swapped = StoredEntry(data=one.data, signature=two.signature)
    assert scheme.checker.first_bad(dana.key, [one, swapped]) == 1


def test_nothing_is_signed_by_another_key(scheme: Scheme) -> None:
    entries = signed_by(scheme.signer("dana"), 3)
    assert scheme.checker.first_bad(scheme.signer("olivia").key, entries) == 0
