"""What the coordinator's files of an attempt are called.

A site's name has no dot, so no two names are the same. Every name begins with the attempt's number.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from securefed.domain.identifiers import SiteId

_ANNOUNCED = re.compile(r"([0-9]+)\.announced")


@dataclass(frozen=True)
class AttemptNames:
    """The names of one attempt's files."""

    attempt: int

    @property
    def announced(self) -> str:
        """The seal and the roster."""
        return f"{self.attempt}.announced"

    @property
    def manifest(self) -> str:
        """The updates that the sum is closed over; while it is there, nothing comes in."""
        return f"{self.attempt}.manifest"

    @property
    def sum(self) -> str:
        """The sealed sum."""
        return f"{self.attempt}.sum"

    @property
    def canary(self) -> str:
        """The canary's sealed sum."""
        return f"{self.attempt}.canary"

    @property
    def question(self) -> str:
        """What custodians are asked about the canary; written before they are."""
        return f"{self.attempt}.question"

    @property
    def proof(self) -> str:
        """The signed result of the self-test."""
        return f"{self.attempt}.proof"

    def update(self, site: SiteId) -> str:
        """A site's sealed file."""
        return f"{self.attempt}.{site}.update"

    def digests(self, site: SiteId) -> str:
        """The digests of its chunks, as they were checked."""
        return f"{self.attempt}.{site}.digests"

    def word(self, site: SiteId) -> str:
        """Its signed description; written last."""
        return f"{self.attempt}.{site}.word"

    def refused(self, site: SiteId) -> str:
        """What was refused under its name, and why."""
        return f"{self.attempt}.{site}.refused"

    def arriving(self, site: SiteId, number: int) -> str:
        """A file that is not checked yet."""
        return f"{self.attempt}.{site}.arriving.{number}"

    def is_arriving(self, name: str) -> bool:
        """Whether it is such a file."""
        return name.startswith(f"{self.attempt}.") and ".arriving." in name

    def part(self, start: int) -> str:
        """The block of the sum that starts at a chunk."""
        return f"{self.attempt}.part.{start}"

    def is_part(self, name: str) -> bool:
        """Whether it is such a block."""
        return name.startswith(f"{self.attempt}.part.")


def attempts_in(names: Iterable[str]) -> list[int]:
    """The attempts that were announced."""
    return sorted(int(found[1]) for name in names if (found := _ANNOUNCED.fullmatch(name)))
