"""Data files of a site: measured and watched, never echoed.

Wraps the readers in `recipes.files`, which training uses too. What a data card says about a file's
size and bytes comes from here; nothing that stands in a cell ever leaves here, in no error either.
"""

from securefed.adapters.data_files.in_memory import MemoryMeter, MemoryWatch
from securefed.adapters.data_files.meter import FileMeter
from securefed.adapters.data_files.watch import FileWatch

__all__ = ["FileMeter", "FileWatch", "MemoryMeter", "MemoryWatch"]
