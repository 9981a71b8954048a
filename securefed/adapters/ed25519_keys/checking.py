"""Checking many of one key's signatures beside other work, in a process of its own.

Promises the index of the first bad one. Checking a long ledger's signatures takes as long as
replaying it, and the two together take two processors. Threads cannot do that: libsodium runs
outside of Python's lock, but each return from it waits up to five milliseconds while another thread
runs Python (measured: 5.2 ms a signature instead of 0.05). A short ledger is checked where it is,
and so is whatever a process that was killed has left unchecked.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self, TypeAlias

from securefed.adapters.ed25519_keys.signing import verify
from securefed.domain.identifiers import PublicKey, Signature
from securefed.domain.ledger import StoredEntry

_Signed: TypeAlias = list[tuple[bytes, Signature]]

# Fewer are checked before a process has started.
_MANY = 1000


class ProcessChecker:
    """A SignatureChecker; its process lives from the first many entries to the end of the block.

    with ProcessChecker() as checker:
        answer = checker.begin(key, entries)
        ...
        first_bad = answer()
    """

    def __init__(self) -> None:
        self._pipe: Connection | None = None
        self._asked = 0
        self._answers: dict[int, int | None] = {}

    def begin(self, key: PublicKey, entries: Sequence[StoredEntry]) -> Callable[[], int | None]:
        """Begins to check. The answer waits for the index of the first bad one, or None."""
        signed = [(one.signed, one.signature) for one in entries]
        if len(signed) < _MANY:
            return lambda: _first_bad(key, signed)
        self._asked += 1
        number = self._asked
        try:
            self._started().send((number, key, signed))
        except OSError:
            return lambda: _first_bad(key, signed)
        return lambda: self._answer(number, key, signed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pipe is not None:
            self._pipe.close()  # which ends the process, once it has checked what it has
            self._pipe = None

    def _started(self) -> Connection:
        if self._pipe is None:
            # Spawned: a fork would carry this process's keys, locks and connections along.
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            context.Process(target=_work, args=(theirs,), daemon=True).start()
            theirs.close()
        return self._pipe

    def _answer(self, number: int, key: PublicKey, signed: _Signed) -> int | None:
        try:
            while number not in self._answers:
                answered, first_bad = self._started().recv()
                self._answers[answered] = first_bad
        except (EOFError, OSError):
            return _first_bad(key, signed)
        return self._answers.pop(number)


def _work(pipe: Connection) -> None:
    """What the process does until its pipe is closed."""
    try:
        while True:
            number, key, signed = pipe.recv()
            pipe.send((number, _first_bad(key, signed)))
    except (EOFError, OSError, KeyboardInterrupt):
        return


def _first_bad(key: PublicKey, signed: _Signed) -> int | None:
    checked = (verify(key, data, signature) for data, signature in signed)
    return next((index for index, good in enumerate(checked) if not good), None)
