"""What `site.toml` decides about a site's machine: where it listens, what a run may use, how much
it stores.

None of it decides about privacy: that is in the ledger, signed. A setting here can make a run fail,
or keep callers away; it cannot let one do more than its approval says.
"""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from securefed.domain.identifiers import Line, SiteId
from securefed.domain.site import Sandbox
from securefed.domain.walls import Limits

GIB = 2**30
USUAL_PORT = 8400


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """Where a site listens, and what it shows to prove who it is."""

    host: str = "127.0.0.1"
    port: int = USUAL_PORT
    certificate: Path | None = None
    certificate_key: Path | None = None
    own_ca: tuple[Line, ...] = ()

    @property
    def this_machine_only(self) -> bool:
        """Whether nobody on another machine can reach the address."""
        return is_loopback(self.host)

    @property
    def encrypted(self) -> bool:
        """Whether the site speaks TLS."""
        return self.certificate is not None or bool(self.own_ca)


@dataclass(frozen=True, kw_only=True)
class RunnerSettings:
    """Which Python trains, behind which walls, and what it may use.

    Without `walls`, bubblewrap is used where it starts, and a plain process elsewhere."""

    python: Path | None = None
    assets: Path | None = None
    walls: Sandbox | None = None
    gpu: bool = False
    memory_gib: int = 16
    scratch_gib: int = 32
    cpu_hours: int = 168
    tasks: int = 512
    round_hours: int = 24
    idle_minutes: int = 15
    warm_minutes: int = 10


@dataclass(frozen=True, kw_only=True)
class BlobSettings:
    """How many bytes of updates and weights the site stores, of all studies and in one file."""

    quota_gib: int = 20
    most_gib: int = 4


@dataclass(frozen=True, kw_only=True)
class SiteSettings:
    """What a site is called, and how its machine serves it."""

    site: SiteId
    title: Line
    serve: ServeSettings = field(default_factory=ServeSettings)
    runner: RunnerSettings = field(default_factory=RunnerSettings)
    blobs: BlobSettings = field(default_factory=BlobSettings)


def limits_of(runner: RunnerSettings) -> Limits:
    """The limits of a run."""
    return Limits(
        memory_bytes=runner.memory_gib * GIB,
        cpu_s=runner.cpu_hours * 3600,
        tasks=runner.tasks,
        file_bytes=runner.scratch_gib * GIB,
        scratch_bytes=runner.scratch_gib * GIB,
        round_s=runner.round_hours * 3600,
        idle_s=runner.idle_minutes * 60,
    )


def is_loopback(host: str) -> bool:
    """Whether an address reaches this machine only."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_address(host: str) -> bool:
    """Whether a text is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
