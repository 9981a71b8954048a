import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.identifiers import ExchangeKey
from securefed.errors import IdentifierInvalid

FIELD = 2**255 - 19
# RFC 7748 and https://cr.yp.to/ecdh.html: every encoding of a point of low order.
LOW = [
    *(0, 1, FIELD - 1, FIELD, FIELD + 1),
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
]


def agrees(key: bytes) -> bool:
    """Whether the library agrees on a secret with it."""
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(key))
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("point", [low + top for low in LOW for top in (0, 2**255)])
def test_a_key_that_agrees_on_zeros_is_refused(point: int) -> None:
    key = point.to_bytes(32, "little")
    assert not agrees(key)
    with pytest.raises(IdentifierInvalid, match="low order"):
        ExchangeKey(f"x25519:{key.hex()}")


@given(st.binary(min_size=32, max_size=32))
def test_every_other_key_is_taken(key: bytes) -> None:
    if agrees(key):
        assert ExchangeKey(f"x25519:{key.hex()}")


def test_the_example_is_a_key() -> None:
    assert ExchangeKey(ExchangeKey.example)
