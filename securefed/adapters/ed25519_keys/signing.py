"""Ed25519 signatures by PyNaCl (libsodium).

Promises signatures as in RFC 8032, and a signer that shows its public half only: not in its printed
form, not in its attributes, and it refuses to be copied or pickled. Python cannot wipe memory, so
somebody who can read the process's memory can read the key.
"""

from typing import NoReturn

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from securefed.domain.identifiers import PublicKey, Signature

_PREFIX = "ed25519:"


class Ed25519Signer:
    """One private key, in use."""

    __slots__ = ("__secret", "_key")

    def __init__(self, seed: bytes) -> None:
        self.__secret = SigningKey(seed)
        self._key = PublicKey(_PREFIX + bytes(self.__secret.verify_key).hex())

    @property
    def key(self) -> PublicKey:
        """The public half."""
        return self._key

    def sign(self, data: bytes) -> Signature:
        """A signature over exactly these bytes; the same bytes give the same signature."""
        return Signature(self.__secret.sign(data).signature.hex())

    def __repr__(self) -> str:
        return f"Ed25519Signer({self._key})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A private key is neither copied nor pickled")


def verify(key: PublicKey, data: bytes, signature: Signature) -> bool:
    """Whether the signature is this key's over exactly these bytes."""
    verifier = VerifyKey(bytes.fromhex(key.removeprefix(_PREFIX)))
    try:
        verifier.verify(data, bytes.fromhex(signature))
    except BadSignatureError:
        return False
    return True
