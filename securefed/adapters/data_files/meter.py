"""Measures the CSV and Parquet files that a data card names.

Promises that a file is read by the code that will read it for training, that it does not change
meanwhile, and that every failure is `DataUnreadable` or `DataDrifted`. Does not enforce the privacy
unit's bound: whoever loads records for a study does.
"""

from pathlib import Path

from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import Column, Measured
from securefed.recipes.files.data_file import DataFile, unreadable
from securefed.recipes.files.opening import measured


class FileMeter:
    """Measures files on this machine."""

    def measure(self, path: Path, columns: tuple[Column, ...], unit: PrivacyUnit) -> Measured:
        """A file's records, units and digest; refuses one that is not what the card says."""
        try:
            with DataFile(path) as file, file.stream() as stream:
                found = measured(stream, path, columns, unit)
                file.check_unchanged()
                return found
        except OSError as error:
            raise unreadable(path, error) from error

    def check_named(
        self, path: Path, columns: tuple[Column, ...], unit: PrivacyUnit, folders: tuple[Path, ...]
    ) -> None:
        """Reads every file that an index names; refuses one that is not in one of the folders, or
        not the file that was indexed."""
        # It reads records at random, which brings numpy; most sites have no index of files.
        from securefed.recipes.files.named_index import check_named_files

        check_named_files(path, columns, unit, folders)
