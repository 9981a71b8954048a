"""A site's folder on disk: where everything lies, shown plans, and the kept checkpoint."""

from securefed.adapters.site_folder.figures import KeptFigures
from securefed.adapters.site_folder.kept_checkpoint import keep_checkpoint, kept_checkpoint
from securefed.adapters.site_folder.layout import SiteFolder
from securefed.adapters.site_folder.seen_checkpoints import SeenCheckpoints
from securefed.adapters.site_folder.serving_note import (
    ServingNote,
    find_serving,
    forget_serving,
    note_serving,
)
from securefed.adapters.site_folder.shelf import FolderShelf
from securefed.adapters.site_folder.whereabouts import (
    Whereabouts,
    find_whereabouts,
    forget_whereabouts,
    keep_mock,
    note_whereabouts,
    whereabouts_of,
)

__all__ = [
    "FolderShelf",
    "KeptFigures",
    "SeenCheckpoints",
    "ServingNote",
    "SiteFolder",
    "Whereabouts",
    "find_serving",
    "find_whereabouts",
    "forget_serving",
    "forget_whereabouts",
    "keep_checkpoint",
    "keep_mock",
    "kept_checkpoint",
    "note_serving",
    "note_whereabouts",
    "whereabouts_of",
]
