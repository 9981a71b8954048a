"""An update's values as its description has them: their digest and their L2 norm."""

import hashlib
from decimal import Decimal

import numpy as np

from securefed.aggregation.grid import Values
from securefed.domain.identifiers import Digest
from securefed.domain.update import PrivatizedUpdate

_SLICE = 1 << 20


def described(layout: Digest, values: Values) -> PrivatizedUpdate:
    """The description of values that are clipped and noised already, or made up."""
    return PrivatizedUpdate(
        layout=layout,
        parameters=values.size,
        values=values_digest(values),
        norm=Decimal(repr(float(np.linalg.norm(values.astype(np.float64))))),
    )


def values_digest(values: Values) -> Digest:
    """SHA-256 of the values as float32, little-endian, in a row."""
    running = hashlib.sha256()
    for start in range(0, values.size, _SLICE):
        part = values[start : start + _SLICE]
        running.update(np.ascontiguousarray(part, dtype="<f4").tobytes())
    return Digest("sha256:" + running.hexdigest())
