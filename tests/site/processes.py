"""Processes of this machine as their parent, or anybody, sees them; and waiting for them."""

import socket
from collections.abc import Callable
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Final

PATIENCE: Final = 120.0


def until(true: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Waits for what another process does; it comes about, or the test fails."""
    pause, end = Event(), monotonic() + seconds
    while not true():
        assert monotonic() < end, "it did not come about"
        pause.wait(0.05)


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) != 0


def processes() -> list[int]:
    """Every process that can be seen."""
    return [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]


def about(pid: int) -> bytes:
    """How a process was started."""
    try:
        folder = Path(f"/proc/{pid}")
        return (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
    except OSError:
        return b""  # it ended meanwhile, or is somebody else's


def state_of(pid: int) -> str:
    """The kernel's letter: T for one that stands still."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except OSError:
        return ""
