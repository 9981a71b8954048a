"""Blobs in a folder of the site, and their twin in memory.

blobs = FolderBlobs(site / "blobs", quota=20 * 10**9)
writer = blobs.writer(blob, length)
"""

from securefed.adapters.blob_files.folder import FolderBlobs
from securefed.adapters.blob_files.in_memory import MemoryBlobs

__all__ = ["FolderBlobs", "MemoryBlobs"]
