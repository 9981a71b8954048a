"""What the frozen part of a model makes of records, kept in memory from one model to the next.

Promises that features are only given to a part whose weights and configuration are, to the bit,
those that made them: a start, another study's encoder or a changed file make others. Features tell
as much as the records do. They lie in the memory of whoever holds this, and in no file.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

_MOST_BYTES = 256 * 2**20


class Features:
    """Features of records by what the frozen part is given, up to a bound on memory."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Tensor] = {}
        self._bytes = 0

    def __contains__(self, key: bytes) -> bool:
        return key in self._kept

    def __getitem__(self, key: bytes) -> Tensor:
        return self._kept[key]

    def add(self, fresh: Mapping[bytes, Tensor]) -> None:
        """Keeps what there is room for."""
        for key, features in fresh.items():
            size = len(key) + features.numel() * features.element_size()
            if self._bytes + size <= _MOST_BYTES:
                self._kept[key] = features.clone()
                self._bytes += size


class FeatureMemory:
    """The features of the last frozen part that asked."""

    def __init__(self) -> None:
        self._of = b""
        self._features = Features()

    def of(self, part: Any) -> Features:
        """Those of this part of a transformers model; none yet, where the last one was another."""
        digest = _digest(part)
        if digest != self._of:
            self._of, self._features = digest, Features()
        return self._features


@runtime_checkable
class Remembering(Protocol):
    """A model with a part that may be frozen."""

    def remember_in(self, memory: FeatureMemory) -> None:
        """Keeps its features there."""
        ...


def _digest(part: Any) -> bytes:
    found = hashlib.sha256(part.config.to_json_string(use_diff=False).encode())
    for name, one in part.state_dict().items():
        found.update(f"{name} {one.dtype} {list(one.shape)}".encode())
        found.update(one.detach().cpu().contiguous().numpy().tobytes())
    return found.digest()
