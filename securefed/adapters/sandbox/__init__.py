"""The walls around a training process: bubblewrap where it starts, else a process of its own."""

from securefed.adapters.sandbox.inside import SiteLine
from securefed.adapters.sandbox.interpreter import inspect_interpreter
from securefed.adapters.sandbox.run import SandboxedRun
from securefed.adapters.sandbox.scratch import sweep
from securefed.adapters.sandbox.walls import SandboxWalls

__all__ = ["SandboxWalls", "SandboxedRun", "SiteLine", "inspect_interpreter", "sweep"]
