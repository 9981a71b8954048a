"""The machine that securefed runs on: its clock, its randomness, and what would run a request."""

from securefed.adapters.this_machine.probe import ThisMachine
from securefed.adapters.this_machine.system import SystemClock, SystemEntropy

__all__ = ["SystemClock", "SystemEntropy", "ThisMachine"]
