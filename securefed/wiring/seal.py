"""The composition root of sealing: what a site seals one update with, and a coordinator a canary.

Loads TenSEAL only where the suite encrypts. It holds public keys, and a fresh one for each update's
masks.
"""

from typing import TYPE_CHECKING

from securefed.domain.identifiers import SiteId
from securefed.domain.update import Seal
from securefed.errors import SealForeign
from securefed.steps.seal_update import NewSealer, SiteSealer

if TYPE_CHECKING:
    from securefed.adapters.tenseal_sealing.keys import EncryptionKey
    from securefed.aggregation.chunks import ChunkSealer
    from securefed.aggregation.shape import Shape


def new_sealers(seal: Seal, lattice: bytes | None) -> NewSealer:
    """What seals for a seal; refuses a lattice key that is not the one that it names."""
    from securefed.adapters.masking.exchange import new_mask_key, site_masks
    from securefed.aggregation.shape import shape_of

    public = _public(seal, lattice)

    def new_sealer(wanted: Seal, site: SiteId) -> SiteSealer:
        shape = shape_of(wanted)
        inner = _inner(public, shape)
        if not wanted.masked:
            return SiteSealer(inner=inner, masks=(), once=None)
        own = new_mask_key()
        masks = site_masks(own, wanted, site, shape)
        return SiteSealer(inner=inner, masks=masks, once=own.public)

    return new_sealer


def _public(seal: Seal, lattice: bytes | None) -> "EncryptionKey | None":
    found = None
    if lattice is not None:
        from securefed.adapters.tenseal_sealing.keys import EncryptionKey

        found = EncryptionKey.from_bytes(lattice)
    if (None if found is None else found.digest) != seal.key:
        raise SealForeign("The lattice key that was brought is not the one that the round names")
    return found


def _inner(public: "EncryptionKey | None", shape: "Shape") -> "ChunkSealer":
    if public is None:
        from securefed.aggregation.plain_words import PlainWords

        return PlainWords(shape)
    from securefed.adapters.tenseal_sealing.bfv import BfvSealer

    return BfvSealer(public, shape)
