"""Stopping a run from another process: by a file in its folder, which the run looks for.

Whether a run is under way is told by the folder's lock alone, which the system takes from a process
that died: nobody's process is guessed by a number, and nothing is sent to one.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

from securefed.adapters.run_folder import RunFolder
from securefed.adapters.update_files import folder_files
from securefed.domain.identifiers import SiteId
from securefed.errors import RoundBusy, SecurefedError
from securefed.steps.visit_site import cancel_attempts
from securefed.wiring.remote import StudySite, Ways
from securefed.wiring.study import OpenStudy

_LOOK_S = 0.2


@contextmanager
def stopped_by_file(folder: RunFolder, stop: Callable[[], None]) -> Iterator[None]:
    """While the block runs, `stop` is called once somebody asks the folder's run to stop. The
    block's process holds the folder's lock."""
    ended = Event()
    folder.forget_stop()

    def look() -> None:
        while not ended.wait(_LOOK_S):
            if folder.asked_to_stop:
                stop()
                return

    thread = Thread(target=look, name="stop file")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def stop_run(folder: RunFolder, patience_s: float) -> bool:
    """Has the run of a folder end, and waits for it; whether there was one."""
    if _free(folder):
        return False
    ends = time.monotonic() + patience_s
    while time.monotonic() < ends:
        # Again each time: a run that just begins removes what it finds.
        folder.ask_to_stop()
        time.sleep(_LOOK_S)
        if _free(folder):
            return True
    raise RoundBusy(
        f"The run has not ended after {patience_s:.0f} seconds",
        where=str(folder.root),
        hint="It ends when what it waits for answers; look at 'securefed study log', or wait on.",
    )


def _free(folder: RunFolder) -> bool:
    """Whether nobody runs the folder; what asked for that is gone then."""
    try:
        with folder_files(folder.models):
            folder.forget_stop()
    except RoundBusy:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class Cancelled:
    """What became of a site's attempt: ended, none was under way, or why nobody knows."""

    site: SiteId
    cancelled: bool
    error: SecurefedError | None


def cancel_at_sites(opened: OpenStudy, ways: Ways) -> list[Cancelled]:
    """Has the sites end what is under way in the round that is not done."""
    sites = [one.site for one in opened.study.participants]
    made = [(site, _way(ways, site)) for site in sites]
    with ThreadPoolExecutor(len(sites)) as pool:
        return list(pool.map(lambda one: _cancelled(opened, *one), made))


def _way(ways: Ways, site: SiteId) -> StudySite | SecurefedError:
    try:
        return ways.to(site)
    except SecurefedError as error:
        return error


def _cancelled(opened: OpenStudy, site: SiteId, way: StudySite | SecurefedError) -> Cancelled:
    if isinstance(way, SecurefedError):
        return Cancelled(site=site, cancelled=False, error=way)
    number, attempts = opened.folder.finished + 1, 1 + opened.study.spare_attempts
    try:
        ended = cancel_attempts(way, opened.request(site), number, attempts)
    except SecurefedError as error:
        return Cancelled(site=site, cancelled=False, error=error)
    return Cancelled(site=site, cancelled=ended, error=None)
