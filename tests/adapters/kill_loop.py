"""Kills a process that appends to a ledger, again and again, and checks the ledger after each.

Started by `test_sqlite_store_killed.py` as a program of its own, so that it may fork: it holds no
threads. Arguments: a new ledger's path, how often to kill, a seed. Prints what it saw as JSON; any
finding is an exception.
"""

import json
import os
import random
import select
import signal
import struct
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from securefed.adapters.sqlite_store import create_ledger, open_ledger
from securefed.domain.ledger import EMPTY, Head, extended
from tests.contracts.ledgers import an_entry, extend

# The longest that a child lives: some tens of appends, of which any may be the last.
_LONGEST_LIFE_S = 0.02
_MESSAGE = struct.Struct("=cQ")
_BEFORE, _AFTER = b"b", b"a"


@dataclass(kw_only=True)
class Seen:
    """What the kills hit."""

    kills: int = 0
    inside_an_append: int = 0
    kept_the_old_head: int = 0
    reached_the_new_head: int = 0


def text(index: int) -> str:
    # From a few bytes to several pages, so that a commit is sometimes one write and sometimes many.
    return f"entry {index} " + "x" * (index * 7919 % 9000)


def transaction_size(head: int) -> int:
    return 1 + head % 3


def append_until_killed(path: Path, pipe: int) -> NoReturn:
    store = open_ledger(path)
    size = store.head().size
    while True:
        texts = [text(size + offset) for offset in range(transaction_size(size))]
        os.write(pipe, _MESSAGE.pack(_BEFORE, size))
        with store.exclusive() as writer:
            extend(writer, *texts)
        size += len(texts)
        os.write(pipe, _MESSAGE.pack(_AFTER, size))


def kill_once(path: Path, chance: random.Random) -> tuple[bytes, int]:
    """Starts a child, kills it at some moment, and returns the last that it said."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        append_until_killed(path, writing)
    os.close(writing)
    said = os.read(reading, _MESSAGE.size)
    select.select([], [], [], chance.uniform(0, _LONGEST_LIFE_S))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WTERMSIG(status) != signal.SIGKILL or not said:
        raise AssertionError(f"The child ended by itself, with status {status}")
    while more := os.read(reading, 1 << 16):
        said += more
    os.close(reading)
    word, size = _MESSAGE.unpack(said[-_MESSAGE.size :])
    return word, size


def whole(path: Path) -> Head:
    """The ledger's head, once every entry was found to be the one that belongs there."""
    store, head = open_ledger(path), EMPTY
    for entry in store.entries():
        if entry != an_entry(text(head.size)):
            raise AssertionError(f"Entry {head.size} is not the one that was appended")
        head = extended(head, entry)
    if store.head() != head:
        raise AssertionError(f"The head is {store.head()}, the entries make {head}")
    return head


def main(path: Path, kills: int, seed: int) -> Seen:
    chance, seen = random.Random(seed), Seen()
    create_ledger(path)
    while seen.kills < kills:
        word, size = kill_once(path, chance)
        head = whole(path).size
        seen.kills += 1
        allowed = {size} if word == _AFTER else {size, size + transaction_size(size)}
        if head not in allowed:
            raise AssertionError(f"The head is at {head}; it may be at {sorted(allowed)}")
        if word == _BEFORE:
            seen.inside_an_append += 1
            seen.kept_the_old_head += head == size
            seen.reached_the_new_head += head != size
    return seen


if __name__ == "__main__":
    sys.stdout.write(
        json.dumps(asdict(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
    )
