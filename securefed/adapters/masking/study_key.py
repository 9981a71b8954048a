"""A study's key for masks at its custodian: gives out the sum of the contributors' masks.

The masks of single sites exist only as long as a chunk's sum is made, and are never handed on. The
sum is reduced to the bits that count.
"""

from collections.abc import Callable

from securefed.adapters.masking.exchange import MaskKey, custodian_masks, new_mask_key
from securefed.aggregation.chunks import Words
from securefed.aggregation.masked import SummedMasks
from securefed.aggregation.packing import modulus_mask
from securefed.aggregation.shape import shape_of
from securefed.domain.identifiers import ExchangeKey
from securefed.domain.update import Seal, SealedSum
from securefed.errors import KeyUnsafe


class MaskStudyKey:
    """One key of a study, in use."""

    def __init__(self, key: MaskKey) -> None:
        self._key = key

    @classmethod
    def from_file(cls, secret: bytes, public: ExchangeKey) -> "MaskStudyKey":
        """The key of a custodian's file; refuses one that was not published."""
        key = MaskKey.from_secret_bytes(secret)
        if key.public != public:
            raise KeyUnsafe("The key's file is not that of the key that was published")
        return cls(key)

    def checker(self, _seal: Seal) -> Callable[[int, bytes], None]:
        """Any payload of its length passes: the sum's words are never looked at here."""
        return lambda _index, _payload: None

    def opener(self, seal: Seal, complete: SealedSum) -> Callable[[int, bytes], Words]:
        """Adds up the masks of a chunk."""
        shape = shape_of(seal)
        masks = SummedMasks(
            [custodian_masks(self._key, seal, one.update, shape) for one in complete.updates]
        )
        counting = modulus_mask(shape.packing)
        return lambda index, _payload: masks.words(index, shape.slots(index)) & counting


def new_mask_study_key() -> tuple[ExchangeKey, bytes]:
    """A new key: its public half and its secret half."""
    key = new_mask_key()
    return key.public, key.secret_bytes()
