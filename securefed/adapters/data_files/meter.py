"""Measures the CSV files that a data card names.

Promises one pass over a regular file, and that every failure is `DataUnreadable`. Does not enforce
the privacy unit's bound: whoever loads records for a study does.
"""

from pathlib import Path

from securefed.adapters.data_files.table import Reading
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, Measured
from securefed.errors import DataUnreadable


class FileMeter:
    """Measures files on this machine."""

    def measure(self, path: Path, columns: tuple[Column, ...], unit: PrivacyUnit) -> Measured:
        """A file's records, units and digest; refuses one that is not what the card says."""
        try:
            if not path.is_file():
                raise DataUnreadable("Expected a file", where=str(path))
            with path.open("rb") as stream:
                return Reading(str(path), columns, unit).measured(stream)
        except OSError as error:
            reason = error.strerror or "the disk failed"
            raise DataUnreadable(f"Expected a readable file: {reason}", where=str(path)) from error
