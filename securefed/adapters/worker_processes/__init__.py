"""Work in several processes of this machine, because SEAL holds Python's lock."""

from securefed.adapters.worker_processes.spawned import SpawnedWorkers

__all__ = ["SpawnedWorkers"]
