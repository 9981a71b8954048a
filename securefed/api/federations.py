"""The sites of a federation from Python: a study filed at them, run over them, and its model.

Promises what `securefed study submit | status | run | export` promise: nothing is filed, trained or
charged twice, and a run goes on where it stopped. A site that cannot be asked is an error of
`submit` only after all others were asked.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from securefed.api.studies import PathLike, StudyFile, delta_of
from securefed.config import load_own_code
from securefed.domain.exported import Format
from securefed.domain.identifiers import AccountId
from securefed.ports import Signer
from securefed.ports.closing import Closing
from securefed.wiring import basics
from securefed.wiring import study as wiring_study
from securefed.wiring.export import ExportForm

if TYPE_CHECKING:
    from securefed.wiring.study import Filing, Finished, LogLine, OpenStudy, Ways


class Federation(Closing):
    """Somebody's ways to the sites of a federation; use it in a `with` block, or close it."""

    def __init__(self, ways: "Ways", account: AccountId, coordinator: Signer) -> None:
        self._ways, self._account, self._coordinator = ways, account, coordinator

    def close(self) -> None:
        """Ends the connections."""
        self._ways.close()

    def submit(self, study: StudyFile, *, anew: bool = False) -> "list[Filing]":
        """Files a study at each of its sites, and says where each request stands."""
        opened = wiring_study.new_study(study.file, study.folder, lambda _: study.study)
        filed = opened.submit(self._ways, self._account, anew=anew)
        for one in filed:
            if one.error is not None:
                raise one.error
        return filed

    def status(self, study: StudyFile) -> "list[Filing]":
        """Where a study's requests stand at its sites, or what keeps one from saying so."""
        return self._filed(study).standing(self._ways)

    def run(
        self,
        study: StudyFile,
        *,
        assets: PathLike | None = None,
        minutes: float = 60,
        noted: "Callable[[LogLine], None]" = lambda _: None,
    ) -> "Finished":
        """Runs all rounds that are left. So many minutes each waits for its sites, and for a
        custodian that is away. `noted` is told what happens, from any thread."""
        from securefed.wiring import run as wiring_run

        opened = self._filed(study)
        if not opened.over:
            wanted = wiring_run.Wanted(
                file=study.file,
                coordinator=self._coordinator,
                assets=None if assets is None else Path(assets),
                deadline_s=minutes * 60,
            )
            watch = wiring_run.Watch(noted=noted, standing=lambda *_: None)
            with wiring_run.opened_run(opened, self._ways, wanted, watch) as running:
                try:
                    running.run()
                except BaseException:
                    # Ctrl-C, too: the threads that visit sites see it at their next look.
                    running.stop()
                    raise
        return opened.finished()

    def export(
        self,
        study: StudyFile,
        out: PathLike,
        *,
        delta: str | None = None,
        format: Literal["safetensors", "transformers", "torchscript", "onnx"] = "safetensors",
        assets: PathLike | None = None,
    ) -> Path:
        """Writes the newest model of a run and its card; the card states ε where a δ is given.

        Formats are those of `securefed study export`. A model that began with one among the assets
        needs their folder."""
        form = ExportForm(
            format=Format(format),
            assets=None if assets is None else Path(assets),
            own_code=load_own_code(study.file),
        )
        at = None if delta is None else delta_of(delta)
        return self._filed(study).export(Path(out), at, basics.accountant(), form=form)

    def _filed(self, study: StudyFile) -> "OpenStudy":
        opened = wiring_study.filed_study(study.file, study.folder, study.changes)
        opened.expect_filed_by(self._account)
        return opened


def federation(
    file: PathLike, *, account: str, key: PathLike, coordinator_key: PathLike | None = None
) -> Federation:
    """The federation in a file, for an account at its sites with its private key."""
    ways = wiring_study.open_ways(Path(file), Path(key))
    coordinator = basics.load_signer(Path(coordinator_key or key))
    return Federation(ways, AccountId(account), coordinator)
