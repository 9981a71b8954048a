"""What every Signer and its verification do: a signature counts for one key and exact bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.adapters import ed25519_keys
from securefed.adapters.memory import MemoryKeys
from securefed.domain.identifiers import PublicKey, Signature
from securefed.domain.ledger import Verify
from securefed.ports import Signer


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """A way to make signers, and the verification that goes with it."""

    signer: Callable[[str], Signer]
    verify: Verify


@pytest.fixture(params=["memory", "ed25519"])
def scheme(request: pytest.FixtureRequest, tmp_path: Path) -> Scheme:
    if request.param == "memory":
        keys = MemoryKeys()
        return Scheme(signer=keys.signer, verify=keys.verify)

    def signer(name: str) -> Signer:
        return ed25519_keys.create_key(tmp_path / f"{name}.key", name)

    return Scheme(signer=signer, verify=ed25519_keys.verify)


def test_a_signature_verifies(scheme: Scheme) -> None:
    dana = scheme.signer("dana")
    signature = dana.sign(b"text")
    assert type(dana.key) is PublicKey
    assert type(signature) is Signature
    assert scheme.verify(dana.key, b"text", signature)


def test_the_same_bytes_have_the_same_signature(scheme: Scheme) -> None:
    dana = scheme.signer("dana")
    assert dana.sign(b"text") == dana.sign(b"text") != dana.sign(b"text ")


def test_two_names_have_two_keys(scheme: Scheme) -> None:
    assert scheme.signer("dana").key != scheme.signer("olivia").key


def test_a_signature_by_another_key_does_not_verify(scheme: Scheme) -> None:
    dana, olivia = scheme.signer("dana"), scheme.signer("olivia")
    assert not scheme.verify(dana.key, b"text", olivia.sign(b"text"))
    # Also where both keys have signed the bytes.
    assert not scheme.verify(olivia.key, b"text", dana.sign(b"text"))


def test_a_signature_over_other_bytes_does_not_verify(scheme: Scheme) -> None:
    dana = scheme.signer("dana")
    signature = dana.sign(b"text")
    dana.sign(b"texts")
    assert not scheme.verify(dana.key, b"texts", signature)
    assert not scheme.verify(dana.key, b"", signature)


@pytest.mark.parametrize("place", [0, 63, 64, 127])
def test_a_changed_signature_does_not_verify(scheme: Scheme, place: int) -> None:
    dana = scheme.signer("dana")
    signature = dana.sign(b"text")
    other = "0" if signature[place] != "0" else "1"
    changed = Signature(signature[:place] + other + signature[place + 1 :])
    assert not scheme.verify(dana.key, b"text", changed)


def test_an_unknown_key_verifies_nothing(scheme: Scheme) -> None:
    signature = scheme.signer("dana").sign(b"text")
    for digits in ("0", "1", "f"):
        assert not scheme.verify(PublicKey("ed25519:" + digits * 64), b"text", signature)
        assert not scheme.verify(
            PublicKey("ed25519:" + digits * 64), b"text", Signature(digits * 128)
        )


def test_any_bytes_can_be_signed(scheme: Scheme) -> None:
    dana = scheme.signer("dana")

    @settings(max_examples=40, deadline=None)
    @given(data=st.binary(max_size=300), other=st.binary(max_size=300))
    def signed(data: bytes, other: bytes) -> None:
        signature = dana.sign(data)
        assert scheme.verify(dana.key, data, signature)
        assert scheme.verify(dana.key, other, signature) is (data == other)

    signed()
