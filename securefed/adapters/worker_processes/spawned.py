"""Worker processes that are started afresh, get a task once, and one item of it after the other.

They are spawned and not forked: a fork takes along locks and open files of libraries. Promises that
none is left once the work is done or given up, or when this process dies: a worker ends as soon as
its pipe does. What a task raises deliberately comes through; a worker that dies is `WorkerLost`.
Results come in any order. Nothing here starts with fewer than two workers or items.
"""

import multiprocessing
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, TypeVar

from securefed.errors import SecurefedError, WorkerLost

T = TypeVar("T")
R = TypeVar("R")
_SPAWN = multiprocessing.get_context("spawn")


class SpawnedWorkers:
    """So many processes at the same time; one is this one itself."""

    def __init__(self, processes: int) -> None:
        self._processes = processes

    def each(
        self, task: Callable[[T], R], items: Sequence[T]
    ) -> Generator[tuple[T, R], None, None]:
        """Each item with its result. The task and the items are sent, so they hold no secret."""
        number = min(self._processes, len(items))
        if number < 2:
            for item in items:
                yield item, task(item)
            return
        with ExitStack() as running:
            workers = []
            for _ in range(number):
                workers.append(_started(task))
                running.callback(workers[-1].end)
            yield from _spread(workers, items)


@dataclass(frozen=True, kw_only=True)
class _Worker:
    """A process and this side of its pipe."""

    process: SpawnProcess
    pipe: Connection

    def give(self, item: object) -> None:
        """Sends an item."""
        try:
            self.pipe.send(item)
        except OSError as error:
            raise WorkerLost("A worker process died") from error

    def result(self) -> Any:
        """What came of the item; raises what the task raised."""
        try:
            raised, result = self.pipe.recv()
        except (EOFError, OSError) as error:
            raise WorkerLost("A worker process died") from error
        if raised:
            raise result
        return result

    def end(self) -> None:
        """Ends the process, whatever it is doing."""
        self.pipe.close()
        self.process.terminate()
        self.process.join()
        self.process.close()


def _started(task: Callable[[T], R]) -> _Worker:
    ours, theirs = _SPAWN.Pipe()
    with closing(theirs):
        process = _SPAWN.Process(target=_serve, args=(theirs, task), daemon=True)
        try:
            process.start()
        except OSError as error:
            ours.close()
            raise WorkerLost("A worker process cannot be started") from error
    return _Worker(process=process, pipe=ours)


def _spread(workers: Sequence[_Worker], items: Sequence[T]) -> Iterator[tuple[T, Any]]:
    waiting = list(reversed(items))
    busy: dict[int, T] = {}

    def give(index: int) -> None:
        if waiting:
            busy[index] = waiting.pop()
            workers[index].give(busy[index])

    for index in range(len(workers)):
        give(index)
    while busy:
        ready = wait([workers[index].pipe for index in busy])
        for index in [one for one in busy if workers[one].pipe in ready]:
            item, result = busy.pop(index), workers[index].result()
            give(index)
            yield item, result


def _serve(pipe: Connection, task: Callable[[T], R]) -> None:
    """A worker's life. The other end is closed when it is not needed any more, or is gone."""
    with suppress(EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        while True:
            item = pipe.recv()
            try:
                pipe.send((False, task(item)))
            except SecurefedError as error:
                pipe.send((True, error))
