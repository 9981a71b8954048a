"""The folder of a study's run: what was asked, what was begun, the log, and the model at its end.

folder = RunFolder(Path("readmission.run"))
folder.request(SiteId("hospital-a"))        # what was filed there, or None
"""

from securefed.adapters.run_folder.layout import Began, RunFolder
from securefed.adapters.run_folder.log import LogLine, RunLog
from securefed.adapters.run_folder.model_files import ModelFiles, new_model, write_weights

__all__ = [
    "Began",
    "LogLine",
    "ModelFiles",
    "RunFolder",
    "RunLog",
    "new_model",
    "write_weights",
]
