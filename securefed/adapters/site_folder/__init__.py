"""A site's folder on disk: where everything lies, and the plans that were shown to people."""

from securefed.adapters.site_folder.layout import SiteFolder
from securefed.adapters.site_folder.shelf import FolderShelf
from securefed.adapters.site_folder.whereabouts import (
    Whereabouts,
    find_whereabouts,
    note_whereabouts,
)

__all__ = ["FolderShelf", "SiteFolder", "Whereabouts", "find_whereabouts", "note_whereabouts"]
