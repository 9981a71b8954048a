"""Adding many updates by the coordinator's worker processes, block by block as a round is closed.

One update's file is added under forty names, from the disk, in smaller blocks than a round has.
Workers take a second to start, which does not grow with the round, so the clock runs from the
second finished block to the last.
"""

import io
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import BinaryIO

from benchmarks.worlds.sealed_round import described, sealed_round, values_of
from securefed.adapters.ed25519_keys import verify
from securefed.adapters.tenseal_sealing.adding import BfvAdder
from securefed.adapters.worker_processes.spawned import SpawnedWorkers
from securefed.aggregation.adding import Block, BlockSum, Contribution
from securefed.aggregation.sealed_file import check_update
from securefed.domain.study import Suite

_PARAMETERS = 1_000_000
_SITES = 40
_FIRST = 2
_BLOCK = 10


def block_seconds(bits: int, processes: int) -> float:
    """The seconds that a block takes on average, by so many processes together."""
    one = sealed_round(Suite.BFV, bits=bits, sites=_SITES, parameters=_PARAMETERS)
    values = values_of(1, _PARAMETERS)
    data = one.sealed(0, described(values), values)
    checked = check_update(io.BytesIO(data), one.seal, one.roster, verify, one.adder().check)
    with tempfile.TemporaryDirectory() as folder:
        file, digests = Path(folder) / "update", Path(folder) / "digests"
        file.write_bytes(data)
        digests.write_bytes(b"".join(checked.digests))
        contributions = tuple(
            Contribution(
                site=contributor.site,
                header=checked.header,
                file=partial(_opened, file),
                digests=partial(_opened, digests),
            )
            for contributor in one.roster.contributors
        )
        task = BlockSum(shape=one.shape, new_adder=BfvAdder, contributions=contributions)
        return _each(task, processes)


def _each(task: BlockSum, processes: int) -> float:
    starts = range(0, task.shape.chunks, _BLOCK)
    blocks = [Block(start=one, stop=min(one + _BLOCK, task.shape.chunks)) for one in starts]
    finished = []
    for _, result in SpawnedWorkers(processes).each(task, blocks):
        if not isinstance(result, bytes):
            raise TypeError(f"A block was not added: {result}")
        finished.append(time.perf_counter())
    return (finished[-1] - finished[_FIRST - 1]) / (len(blocks) - _FIRST)


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")
