"""The coordinator's files of one round: received updates, parts of the sum, the sum.

with folder_files(Path("rounds/readmission-3")) as files:
    files.put("1.announced", [b"..."])
"""

from securefed.adapters.update_files.folder import FolderFiles, folder_files

__all__ = ["FolderFiles", "folder_files"]
