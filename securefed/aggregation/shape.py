"""The shape of a sealed update: which values lie in which chunk, and how many bytes a chunk has.

Promises that every length follows from the seal alone, so a reader knows each before it reads. A
chunk stands for itself: what seals, adds or opens it needs no other, and memory stays that of one.
Within a chunk the first field of all slots comes first, then the second, and so on.
"""

from dataclasses import dataclass

from securefed.aggregation.fields import DEGREE, Packing, packing_for
from securefed.aggregation.grid import Grid
from securefed.aggregation.tally_digits import TallyDigits
from securefed.domain.study import Suite
from securefed.domain.update import Seal
from securefed.errors import SuiteUnfit

# Two polynomials of 4,096 coefficients of 60 bits: one ciphertext a chunk.
CIPHERTEXT_BYTES = 2 * DEGREE * 60 // 8
# Half a MiB of words: enough for AES to run at full speed, and it fits into a cache.
MASK_SLOTS = 1 << 16
_WORD_BYTES = 8


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A number of values in chunks of a suite, and the digits of a tally behind them."""

    suite: Suite
    packing: Packing
    parameters: int
    digits: int = 0

    @property
    def total(self) -> int:
        """Values and digits together."""
        return self.parameters + self.digits

    @property
    def chunk_slots(self) -> int:
        """The slots of every chunk but the last, which may have fewer."""
        return MASK_SLOTS if self.suite is Suite.MASK else DEGREE

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return -(-self.total // (self.chunk_slots * self.packing.fields))

    @property
    def chunk_bytes(self) -> int:
        """The bytes of every chunk but the last."""
        return _WORD_BYTES * MASK_SLOTS if self.suite is Suite.MASK else CIPHERTEXT_BYTES

    @property
    def total_bytes(self) -> int:
        """The bytes of all chunks."""
        return (self.chunks - 1) * self.chunk_bytes + self.payload_bytes(self.chunks - 1)

    def values(self, index: int) -> slice:
        """The values of a chunk, as a slice of all there are."""
        if not 0 <= index < self.chunks:
            raise SuiteUnfit(f"There is no chunk {index}; there are {self.chunks}")
        size = self.chunk_slots * self.packing.fields
        return slice(index * size, min((index + 1) * size, self.total))

    def slots(self, index: int) -> int:
        """The slots of a chunk."""
        inside = self.values(index)
        return self.packing.slots(inside.stop - inside.start)

    def payload_bytes(self, index: int) -> int:
        """The bytes of a chunk: a ciphertext is always whole."""
        if self.suite is Suite.MASK:
            return _WORD_BYTES * self.slots(index)
        return CIPHERTEXT_BYTES


def shape_of(seal: Seal) -> Shape:
    """The shape that a seal demands."""
    packing = packing_for(seal.suite, seal.bits, seal.contributors)
    return Shape(
        suite=seal.suite,
        packing=packing,
        parameters=seal.parameters,
        digits=digits_of(seal).count,
    )


def grid_of(seal: Seal) -> Grid:
    """The grid that a seal's values are rounded to."""
    return Grid(bits=seal.bits, reach=seal.reach)


def digits_of(seal: Seal) -> TallyDigits:
    """How a seal's tally is written."""
    return TallyDigits(bits=seal.bits, numbers=seal.tally)
