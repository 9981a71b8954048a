"""The folder of a study's run: what was asked, what was begun, the log, and the model at its end.

folder = RunFolder(Path("readmission.run"))
folder.request(SiteId("hospital-a"))        # what was filed there, or None
"""

from securefed.adapters.run_folder.layout import Began, RunFolder
from securefed.adapters.run_folder.log import LogLine, RunLog
from securefed.adapters.run_folder.model_files import write_model

__all__ = ["Began", "LogLine", "RunFolder", "RunLog", "write_model"]
