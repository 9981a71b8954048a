"""In-memory twins of what the coordinator has: files, workers, and the search for private keys.

The files are whole or not there, as on a disk. They belong
to one process, so the twin of the workers is this process itself.
"""

import io
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from typing import BinaryIO, TypeVar

from securefed.errors import NotFound

T = TypeVar("T")
R = TypeVar("R")


class MemoryFiles:
    """A round's files in a dictionary, which a test can look into and change."""

    def __init__(self, content: dict[str, bytes] | None = None) -> None:
        self.content = {} if content is None else content

    def names(self) -> list[str]:
        """The files that are there, sorted."""
        return sorted(self.content)

    def put(self, name: str, parts: Iterable[bytes]) -> None:
        """Keeps a file once all its parts are made."""
        self.content[name] = b"".join(parts)

    def move(self, name: str, to: str) -> None:
        """Renames a file."""
        self.content[to] = self.content.pop(name)

    def remove(self, *names: str) -> None:
        """Forgets files that are there."""
        for name in names:
            self.content.pop(name, None)

    def opener(self, name: str) -> Callable[[], BinaryIO]:
        """What opens the file."""
        return partial(self._opened, name)

    def _opened(self, name: str) -> BinaryIO:
        if name not in self.content:
            raise NotFound("The round has no such file", where=name)
        return io.BytesIO(self.content[name])


class MemoryWorkers:
    """The process itself as the only worker."""

    def each(
        self, task: Callable[[T], R], items: Sequence[T]
    ) -> Generator[tuple[T, R], None, None]:
        """Each item with its result, in order."""
        for item in items:
            yield item, task(item)


class MemorySecrets:
    """A process that holds what it is told to hold."""

    def __init__(self, *held: str) -> None:
        self.held = held

    def found(self) -> tuple[str, ...]:
        """The kinds that it holds."""
        return self.held
