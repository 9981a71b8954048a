"""What a data card holds of a file: its size, its number of units, its digest."""

from dataclasses import dataclass

from securefed.domain.identifiers import Digest


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A data file, measured in one pass over its bytes."""

    records: int
    units: int
    digest: Digest
