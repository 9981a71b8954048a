"""While it trains, a site answers everybody, and a full disk ends the attempt alone."""

import resource
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from os import kill

import pytest

from securefed.domain.errand import Attempt, Phase, Report, Standing
from securefed.domain.round import RoundState
from securefed.errors import SecurefedError
from tests.site.processes import until
from tests.site.served_site import FIRST, QUIET, ServedSite
from tests.site.studies import STOP_ONCE, own_code

pytestmark = [pytest.mark.slow, QUIET]
CLIENTS, POLLS = 10, 5


def test_every_poll_of_many_clients_is_answered(hospital: ServedSite) -> None:
    request = hospital.approved(own_code("polled", on_data=STOP_ONCE))
    hospital.begin(request)
    run = hospital.stopped_run()

    def polled(_: int) -> list[Standing]:
        client = hospital.new_client()
        answers = [client.ask(request, Report(of=FIRST)) for _ in range(POLLS)]
        client.close()
        return [one for one in answers if isinstance(one, Standing)]

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = [one for some in pool.map(polled, range(CLIENTS)) for one in some]
    assert len(answers) == CLIENTS * POLLS
    assert {one.phase for one in answers} == {Phase.TRAINING}
    assert len({one.ticket for one in answers}) == 1
    kill(run, signal.SIGCONT)
    assert hospital.over(request).phase is Phase.DONE


@contextmanager
def full_disk(site: ServedSite) -> Iterator[None]:
    """While the block runs, the site's process can add to no file."""
    pid, what = site.note.pid, resource.RLIMIT_FSIZE
    before = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, what, before)


def test_a_full_disk_ends_the_attempt_and_not_the_site(hospital: ServedSite) -> None:
    request = hospital.approved(own_code("disk", on_data=STOP_ONCE))
    errand = hospital.begin(request)
    run = hospital.stopped_run()
    with full_disk(hospital):
        kill(run, signal.SIGCONT)
        until(lambda: run not in hospital.runs())
        with pytest.raises(SecurefedError):
            hospital.ask(request, errand)
    until(lambda: hospital.entered(request).state is RoundState.ABORTED)
    standing = hospital.report(request)
    assert (standing.phase, standing.cause) == (Phase.FAILED, "storage-failed")
    assert (standing.step, standing.released) == (4, ())
    second = Attempt(round=1, attempt=2)
    hospital.begin(request, second)
    kill(hospital.stopped_run(), signal.SIGCONT)
    assert hospital.over(request, second).phase is Phase.DONE
