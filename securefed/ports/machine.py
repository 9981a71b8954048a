"""What a site's machine tells of itself and of its data, and keeps for people."""

from pathlib import Path
from typing import Protocol

from securefed.domain.identifiers import Digest
from securefed.domain.plan import ReviewPlan
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, DataCard, Machine, Measured


class MachineProbe(Protocol):
    """What would run a request here."""

    def machine(self) -> Machine:
        """Our code, the libraries under it, the interpreter and the sandbox, as they are now."""
        ...


class DataMeter(Protocol):
    """Reads data files in order to measure them, and for nothing else."""

    def measure(self, path: Path, columns: tuple[Column, ...], unit: PrivacyUnit) -> Measured:
        """A file's records, units and digest; refuses one that is not what its card says."""
        ...

    def check_named(
        self, path: Path, columns: tuple[Column, ...], unit: PrivacyUnit, folders: tuple[Path, ...]
    ) -> None:
        """Reads every file that an index names; refuses one that is not in one of the folders, or
        not the file that was indexed."""
        ...


class DataWatch(Protocol):
    """Knows at every round whether a data file is still the one on its card."""

    def expect(self, card: DataCard, path: Path) -> None:
        """Raises DataDrifted where the file is another one, DataUnreadable where there is none."""
        ...


class PlanShelf(Protocol):
    """The plans that were shown to people, so that a stale approval can say what has changed."""

    def keep(self, plan: ReviewPlan) -> None:
        """Keeps a plan under its digest."""
        ...

    def find(self, digest: Digest) -> ReviewPlan | None:
        """The plan with this digest, if it was ever shown here."""
        ...
