"""The twins of meter and watch: files that are bytes in a dictionary."""

import csv
import hashlib
from dataclasses import dataclass, field
from io import BytesIO, StringIO
from pathlib import Path

from securefed.domain.canonical import digest_of
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, DataCard, Measured
from securefed.errors import DataDrifted, DataUnreadable
from securefed.recipes.files.csv_table import DATASET_KIND
from securefed.recipes.files.named_index import FILE, SHA256, below, in_sight
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

    def check_named(
        self, path: Path, columns: tuple[Column, ...], unit: PrivacyUnit, folders: tuple[Path, ...]
    ) -> None:
        """Looks at every file that a CSV index names."""
        self.measure(path, columns, unit)
        inside = below(path, folders)
        rows = csv.DictReader(StringIO(self.files[path].decode("utf-8")))
        for number, row in enumerate(rows, 1):
            where = f"{path}, record {number}"
            name, sha256 = in_sight(row[FILE], row[SHA256], inside, where)
            content = self.files.get(path.parent / name)
            if content is None or hashlib.sha256(content).hexdigest() != sha256:
                raise DataUnreadable("Expected the file that was indexed", where=where)


@dataclass
class MemoryWatch:
    """Watches files that exist nowhere else, and digests them each time."""

    files: dict[Path, bytes] = field(default_factory=dict)

    def expect(self, card: DataCard, path: Path) -> None:
        """Raises DataDrifted where the file is another one, DataUnreadable where there is none."""
        if path not in self.files:
            raise DataUnreadable("Expected a file", where=str(path))
        if digest_of(DATASET_KIND, self.files[path]) != card.data:
            raise DataDrifted(f"{card.dataset} is not as on its card", where=str(path))
