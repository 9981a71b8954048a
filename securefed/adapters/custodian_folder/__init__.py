"""A custodian's folder on disk: its log, its signing key, and the keys of studies."""

from securefed.adapters.custodian_folder.key_files import StudyKeyFiles
from securefed.adapters.custodian_folder.layout import CustodianFolder

__all__ = ["CustodianFolder", "StudyKeyFiles"]
