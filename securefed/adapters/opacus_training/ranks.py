"""Several processes that train one model: each has a share of the units, the first adds the noise.

A run under `torchrun` is the same run: each process draws from its own share by its own keystream,
the clipped sums are added at the first one, noised there once, and sent back. A process that drew
no unit adds zeros, so nobody waits for it. One process alone does none of this.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import count
from os import environ

import torch
from torch import Tensor, distributed, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from securefed.errors import CheckpointUnusable, DeviceUnavailable, RunCancelled
from securefed.recipes.files.source import Numbers

_PATIENCE = timedelta(minutes=10)
_RUNS = count()


@dataclass(frozen=True)
class Ranks:
    """Which process of a run it is, and among how many."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this process keeps the ledger's gate, adds the noise and returns the weights."""
        return self.rank == 0

    def share(self, units: int) -> int:
        """How many of all units this process draws from."""
        return len(range(self.rank, units, self.world))

    def own(self, drawn: Numbers) -> Numbers:
        """The units that a draw from this process's share means."""
        return drawn * self.world + self.rank

    def go(self) -> None:
        """Goes on once the first process has said so; ends where it says stop."""
        if self.world > 1 and self._told(1) != 1:
            raise RunCancelled("The first process has stopped the run")

    def stop(self) -> None:
        """The first process ends the run in all others."""
        if self.world > 1:
            self._told(0)

    def same(self, number: int) -> None:
        """Ends where this process's number is not the first one's."""
        if self.world > 1 and self._told(number) != number:
            raise CheckpointUnusable("The processes of the run do not see the same checkpoint")

    def _told(self, number: int) -> int:
        word = torch.tensor([number], device=_wire())
        distributed.broadcast(word, src=0)
        return int(word)

    def spread_weights(self, tensors: Iterable[Tensor]) -> None:
        """Everybody begins with the first process's weights."""
        if self.world > 1:
            for tensor in tensors:
                distributed.broadcast(tensor.detach(), src=0)

    def gather_sums(self, parameters: Iterable[nn.Parameter]) -> None:
        """The first process gets the sum of all."""
        if self.world > 1:
            for grad in _gradients(parameters):
                distributed.reduce(grad, dst=0)

    def spread_sums(self, parameters: Iterable[nn.Parameter]) -> None:
        """Everybody gets the first process's."""
        if self.world > 1:
            for grad in _gradients(parameters):
                distributed.broadcast(grad, src=0)


@contextmanager
def joined_ranks(device: torch.device) -> Iterator[Ranks]:
    """The processes that `torchrun` started, or this one alone."""
    world = int(environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Ranks()
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
    try:
        store, rank, world = _meeting()
        # Keys of its own: a second run in the same processes would find the first one's addresses.
        own = PrefixStore(f"run-{next(_RUNS)}", store)
        distributed.init_process_group(
            backend, store=own, rank=rank, world_size=world, timeout=_PATIENCE
        )
    except (ValueError, RuntimeError, distributed.DistError) as error:
        raise DeviceUnavailable(
            f"The {world} processes of the run do not find each other"
        ) from error
    try:
        yield Ranks(rank, world)
    finally:
        distributed.destroy_process_group()


@cache
def _meeting() -> tuple[Store, int, int]:
    """Where the processes find each other, as `torchrun` says; it lasts as long as they do."""
    met: tuple[Store, int, int] = next(rendezvous("env://", timeout=_PATIENCE))
    return met


def local_rank() -> int:
    """Which of its machine's processes this one is, as `torchrun` says."""
    return int(environ.get("LOCAL_RANK", "0"))


def _gradients(parameters: Iterable[nn.Parameter]) -> Iterator[Tensor]:
    for parameter in parameters:
        if parameter.grad is not None:
            yield parameter.grad


def _wire() -> torch.device:
    if distributed.get_backend() == "nccl":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")
