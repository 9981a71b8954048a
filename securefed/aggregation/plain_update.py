"""An update's values as bytes: as a run made them, as they leave unsealed, and their mean.

Promises that what is read has exactly the expected size and is finite, that an update which leaves
is no longer than its bound, and that a mean takes the memory of one part.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from securefed.aggregation.grid import Floats, Values
from securefed.errors import UpdateUnusable

VALUE_BYTES = 4
PART = 1 << 18
# A part of an update as bytes, and the weight of whose it is.
Weighed: TypeAlias = tuple[bytes, int]


def read_values(content: bytes, parameters: int) -> Values:
    """The values in a file of float32, little-endian, in a row."""
    if len(content) != VALUE_BYTES * parameters:
        raise UpdateUnusable(
            f"An update of {VALUE_BYTES * parameters} bytes was expected, not of {len(content)}"
        )
    values: Values = np.frombuffer(content, "<f4")
    if not np.isfinite(values).all():
        raise UpdateUnusable("The update has values that are no finite numbers")
    return values


def shortened(values: Values, bound: float) -> bytes:
    """The update as it leaves: scaled down where its L2 norm is above the bound."""
    norm = float(np.linalg.norm(values.astype(np.float64)))
    scaled = values if norm <= bound else values * np.float32(bound / norm)
    return scaled.astype("<f4").tobytes()


def weighted_mean(parts: Sequence[Weighed]) -> Floats:
    """The mean of the same part of several updates."""
    total: Floats = np.zeros(len(parts[0][0]) // VALUE_BYTES, np.float64)
    for content, weight in parts:
        total += weight * np.frombuffer(content, "<f4").astype(np.float64)
    return total / sum(weight for _, weight in parts)


def parts_of(parameters: int) -> list[slice]:
    """The places of an update's parts, in order."""
    starts = range(0, parameters, PART)
    return [slice(start, min(start + PART, parameters)) for start in starts]
