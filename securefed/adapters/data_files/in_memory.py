"""The meter's twin: files that are bytes in a dictionary."""

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, Measured
from securefed.errors import DataUnreadable
from securefed.recipes.files.opening import measured


@dataclass
class MemoryMeter:
    """Measures files that exist nowhere else."""

    files: dict[Path, bytes] = field(default_factory=dict)

    def measure(self, path: Path, columns: tuple[Column, ...], unit: PrivacyUnit) -> Measured:
        """A file's records, units and digest; refuses one that is not what the card says."""
        if path not in self.files:
            raise DataUnreadable("Expected a file", where=str(path))
        return measured(BytesIO(self.files[path]), path, columns, unit)
