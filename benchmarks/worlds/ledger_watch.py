"""Notes at which moment each entry of a ledger appears, while another process writes it.

The entries' own times are whole seconds. It looks several hundred times a second, which costs a
site nothing: SQLite says without reading the file whether anybody has written.
"""

import json
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from securefed.adapters.sqlite_store import open_ledger

_LOOK_S = 0.003


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An entry, and when it was first seen, by `time.perf_counter`."""

    kind: str
    at: float


class LedgerWatch:
    """Watches from `with` to its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._store = open_ledger(path)
        self._size = self._store.head().size
        self._seen: list[Seen] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.set()
        self._thread.join()

    def first(self, kind: str, since: float) -> float:
        """When the first entry of a kind was seen after a moment. The ledger must have one."""
        return min(one.at for one in self._seen if one.kind == kind and one.at >= since)

    def _watch(self) -> None:
        connection = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            last = None
            while not self._ending.wait(_LOOK_S):
                version = connection.execute("PRAGMA data_version").fetchone()
                if version != last:
                    last = version
                    self._read(time.perf_counter())
        finally:
            connection.close()

    def _read(self, at: float) -> None:
        for stored in self._store.entries(self._size):
            self._seen.append(Seen(kind=json.loads(stored.data)["event"]["kind"], at=at))
            self._size += 1
