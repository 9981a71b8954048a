"""`securefed site serve`, which also copies each update before it is sealed, for a test to add.

    python -m tests.chaos.recording FOLDER site serve --site hospital-a

The copy lies in FOLDER under round and attempt before the first byte of the sealed update is made,
so an update without a copy was never sealed. Nothing else differs from the program.
"""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

from securefed.cli.app import main
from securefed.domain.errand import Released
from securefed.domain.run_order import UPDATE
from securefed.parties import desk
from securefed.ports import Walled
from securefed.steps.run_round import RoundTools, Work, run_round


def record(folder: Path) -> None:
    """From now on this process copies what it is about to seal."""

    def recorded(run: Walled, work: Work, tools: RoundTools) -> tuple[Released, ...]:
        id = work.admitted.id

        def sealing() -> None:
            draft = folder / f"{id.round}.{id.attempt}.part"
            shutil.copyfile(work.folder / UPDATE, draft)
            draft.rename(draft.with_suffix(".update"))
            work.on_sealing()

        return run_round(run, replace(work, on_sealing=sealing), tools)

    vars(desk)["run_round"] = recorded


if __name__ == "__main__":
    record(Path(sys.argv.pop(1)))
    main()
