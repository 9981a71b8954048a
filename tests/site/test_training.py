"""While a site trains: it answers everybody who asks, and a full disk ends the attempt and not it."""

import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from securefed.domain.errand import Attempt, Phase, Report, Standing, Train
from securefed.domain.identifiers import RequestId
from securefed.domain.round import RoundState
from securefed.errors import SecurefedError
from tests.site.served_site import FIRST, QUIET, STOP_HERE, ServedSite, own_code, tabular, until

pytestmark = [pytest.mark.slow, QUIET]
CLIENTS, POLLS = 10, 10


def test_every_poll_of_many_clients_is_answered(hospital: ServedSite) -> None:
    request = hospital.approved(own_code("polled", on_data=STOP_HERE))
    hospital.begin(request)
    hospital.stopped_run()

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
