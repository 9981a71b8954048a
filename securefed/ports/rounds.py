"""The coordinator's files and processes, and a site as it calls one."""

from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from securefed.domain.errand import Answer, Errand
from securefed.domain.identifiers import RequestId
from securefed.domain.request import RequestState, SignedRequest

T = TypeVar("T")
R = TypeVar("R")


class RoundFiles(Protocol):
    """The coordinator's files of one round. Each is whole or not there, whenever a process dies.

    One process at a time has them. Names are lower-case letters, digits, dashes and dots."""

    def names(self) -> list[str]:
        """The files that are there, sorted."""
        ...

    def put(self, name: str, parts: Iterable[bytes]) -> None:
        """Writes a file, durably; it replaces another one only once it is whole."""
        ...

    def move(self, name: str, to: str) -> None:
        """Gives a file another name, durably, in one step; replaces what had that name."""
        ...

    def remove(self, *names: str) -> None:
        """Removes files that are there; those that are not are left out."""
        ...

    def opener(self, name: str) -> Callable[[], BinaryIO]:
        """What opens a file to be read; the workers of this machine can take it along."""
        ...


class Workers(Protocol):
    """Processes of this machine, for work in pieces that know nothing of each other."""

    def each(
        self, task: Callable[[T], R], items: Sequence[T]
    ) -> Generator[tuple[T, R], None, None]:
        """Each item with what the task makes of it, in any order; what it raises comes through.

        Once the iterator has ended or is closed, no process of it is left."""
        ...


class RemoteSite(Protocol):
    """A site as a data scientist or the coordinator calls it. Any thread may."""

    def submit(self, signed: SignedRequest) -> None:
        """Files a request; the same one again changes nothing."""
        ...

    def state(self, request: RequestId) -> RequestState:
        """Whether a request waits, may run, or is closed, as far as callers are told."""
        ...

    def ask(self, request: RequestId, errand: Errand) -> Answer:
        """What an approved request's function answers; raises the error that it declined with."""
        ...

    def send(self, ticket: str, source: Path) -> None:
        """Brings a file through the blob channel."""
        ...

    def fetch(self, ticket: str, target: Path) -> None:
        """Fetches a file through the blob channel; it has its name once its digest is right."""
        ...
