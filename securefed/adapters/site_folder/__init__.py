"""A site's folder on disk: where everything lies, shown plans, and the kept checkpoint."""

from securefed.adapters.site_folder.figures import KeptFigures
from securefed.adapters.site_folder.kept_checkpoint import keep_checkpoint, kept_checkpoint
from securefed.adapters.site_folder.layout import SiteFolder
from securefed.adapters.site_folder.shelf import FolderShelf
from securefed.adapters.site_folder.whereabouts import (
    Whereabouts,
    find_whereabouts,
    note_whereabouts,
)

__all__ = [
    "FolderShelf",
    "KeptFigures",
    "SiteFolder",
    "Whereabouts",
    "find_whereabouts",
    "keep_checkpoint",
    "kept_checkpoint",
    "note_whereabouts",
]
