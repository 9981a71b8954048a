"""The key of a site's masks, agreed by X25519 between the site and a mask custodian.

A site makes a new key pair for each update and forgets it; its public half stands in the update
that the site signs. So no mask is ever used twice, not for a second try at the same round either,
and a site's later secrets open no earlier update. The derivation names the seal, the site and both
keys: masks for one round, roster or custodian are unrelated to those for another.
"""

from typing import NoReturn

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from securefed.adapters.masking.stream import KEY_BYTES, WordStream
from securefed.aggregation.shape import Shape
from securefed.domain.canonical import prefixed, to_canonical
from securefed.domain.identifiers import ExchangeKey, SiteId
from securefed.domain.update import Seal, SealedUpdate
from securefed.errors import KeyUnsafe, SealForeign

MASK_KIND = "mask"
_PREFIX = "x25519:"
_SECRET_BYTES = 32


class MaskKey:
    """A private X25519 key, in use: a custodian's for a study, or a site's for one update."""

    __slots__ = ("__secret", "_public")

    def __init__(self, secret: X25519PrivateKey) -> None:
        self.__secret = secret
        self._public = ExchangeKey(_PREFIX + secret.public_key().public_bytes_raw().hex())

    @classmethod
    def from_secret_bytes(cls, secret: bytes) -> "MaskKey":
        """The key of a custodian's private file."""
        if len(secret) != _SECRET_BYTES:
            raise KeyUnsafe(f"A mask key has {_SECRET_BYTES} bytes, not {len(secret)}")
        return cls(X25519PrivateKey.from_private_bytes(secret))

    @property
    def public(self) -> ExchangeKey:
        """The public half."""
        return self._public

    def secret_bytes(self) -> bytes:
        """The private half, for a private file and nothing else."""
        return self.__secret.private_bytes_raw()

    def agreed(self, other: ExchangeKey, info: bytes) -> bytes:
        """The key that both derive. One with which anybody could derive it is no ExchangeKey."""
        raw = bytes.fromhex(other.removeprefix(_PREFIX))
        shared = self.__secret.exchange(X25519PublicKey.from_public_bytes(raw))
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(shared)

    def __repr__(self) -> str:
        return f"MaskKey({self._public})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A private key is neither copied nor pickled")


def new_mask_key() -> MaskKey:
    """A new key, from the randomness of the operating system."""
    return MaskKey(X25519PrivateKey.generate())


def site_masks(own: MaskKey, seal: Seal, site: SiteId, shape: Shape) -> tuple[WordStream, ...]:
    """A site's masks with each custodian of the seal, by a key made for this update alone."""
    keys = (own.agreed(other, _purpose(seal, site, own.public, other)) for other in seal.custodians)
    return tuple(WordStream(key, shape.chunk_slots) for key in keys)


def custodian_masks(key: MaskKey, seal: Seal, update: SealedUpdate, shape: Shape) -> WordStream:
    """The same masks of one site, at the custodian. The update's signature was checked before."""
    if key.public not in seal.custodians:
        raise SealForeign("The round was sealed for other custodians")
    if update.once is None or update.seal != seal.digest:
        raise SealForeign(f"The update of {update.site} has no masks for this round")
    agreed = key.agreed(update.once, _purpose(seal, update.site, update.once, key.public))
    return WordStream(agreed, shape.chunk_slots)


def _purpose(seal: Seal, site: SiteId, once: ExchangeKey, custodian: ExchangeKey) -> bytes:
    named = {"custodian": custodian, "once": once, "seal": seal.digest, "site": site}
    return prefixed(MASK_KIND, to_canonical({name: str(value) for name, value in named.items()}))
