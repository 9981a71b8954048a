"""A study's lattice key at its custodian: opens the sums of one study's rounds.

That a sum may be opened was settled before; here it is only checked in form and opened.
"""

from collections.abc import Callable

from securefed.adapters.tenseal_sealing.adding import BfvAdder
from securefed.adapters.tenseal_sealing.bfv import BfvOpener
from securefed.adapters.tenseal_sealing.keys import EncryptionKey, OpeningKey, new_opening_key
from securefed.aggregation.chunks import Words
from securefed.aggregation.shape import shape_of
from securefed.domain.identifiers import Digest
from securefed.domain.update import Seal, SealedSum
from securefed.errors import KeyUnsafe


class LatticeStudyKey:
    """One key of a study, in use."""

    def __init__(self, key: OpeningKey) -> None:
        self._key = key

    @classmethod
    def from_files(cls, secret: bytes, public: bytes, digest: Digest) -> "LatticeStudyKey":
        """The key of a custodian's two files; refuses a public half that was not published."""
        found = EncryptionKey.from_bytes(public)
        if found.digest != digest:
            raise KeyUnsafe("The public key's file is not the one that was published")
        return cls(OpeningKey.from_secret_bytes(secret, found))

    def checker(self, seal: Seal) -> Callable[[int, bytes], None]:
        """Refuses what is no ciphertext."""
        return BfvAdder(shape_of(seal)).check

    def opener(self, seal: Seal, _complete: SealedSum) -> Callable[[int, bytes], Words]:
        """Opens a sum's chunks."""
        return BfvOpener(self._key, shape_of(seal)).open


def new_lattice_key() -> tuple[Digest, bytes, bytes]:
    """A new key: its public digest, its secret half and its public half."""
    key = new_opening_key()
    return key.public.digest, key.secret_bytes(), key.public.to_bytes()
