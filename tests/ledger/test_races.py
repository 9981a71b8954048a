"""Several processes on one ledger: exactly what fits is admitted, whoever comes first."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from securefed.adapters.ed25519_keys import PooledChecker
from securefed.adapters.odometer import Odometer
from securefed.domain.identifiers import RequestId
from securefed.domain.register import Register
from securefed.domain.round import RoundState
from securefed.errors import BudgetInsufficient, PlanStale, SecurefedError
from securefed.parties.site import SiteParty
from securefed.steps.verify_ledger import Auditing, verify_ledger
from tests.ledger.real_world import real_world
from tests.world import ADMISSIONS, REVIEWER, World

ROOT = Path(__file__).parents[2]
RACERS = 8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def race(path: Path, what: str) -> list[list[str]]:
    """What each of eight processes won."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.ledger.racer", str(path), what, str(seed)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(RACERS)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n", racer.communicate()[1]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = [racer.communicate() for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * RACERS, said
    return [json.loads(out) for out, _ in said]


def verified(site: SiteParty) -> Register:
    """The state, once everything that a ledger can be checked for has been checked."""
    verify_ledger(site.ledger, Auditing(checker=PooledChecker(), accountant=Odometer()))
    return site.ledger.register()


def file_more_than_fit(world: World, site: SiteParty, over: int) -> int:
    """Files requests that are alike but for their title; says how many of them fit."""
    world.rounds, world.steps = 10, 40
    book = site.register().book(ADMISSIONS)
    filed = [world.file(site)]
    need = book.need(site.register().request(filed[0]).signed.request)
    fits = int(book.granted().cap // need)
    for number in range(1, fits + over):
        world.title = f"The same, number {number}"
        filed.append(world.file(site))
    return fits


@pytest.mark.slow
def test_eight_racing_approvers_admit_exactly_what_fits(path: Path) -> None:
    world = real_world(path, new=True)
    site = world.site()
    fits = file_more_than_fit(world, site, over=8)
    assert fits >= 3
    opened_before = world.reopened()
    opened_before.register()
    won = [request for each in race(path, "approve") for request in each]
    assert len(won) == len(set(won)) == fits
    for after in (site, opened_before, world.reopened()):
        book = verified(after).book(ADMISSIONS)
        assert set(book.holds) == set(won)
        [need] = {hold.reserved for hold in book.holds.values()}
        assert book.counted == fits * need <= book.granted().cap < (fits + 1) * need


@pytest.mark.slow
def test_eight_racing_runners_begin_exactly_the_attempts_that_are_approved(path: Path) -> None:
    world = real_world(path, new=True)
    site = world.site()
    world.rounds, world.spare, world.steps = 10, 6, 2
    request = world.approved(site)
    won = [attempt for each in race(path, "reserve") for attempt in each]
    assert len(won) == len(set(won)) == 16
    hold = verified(world.reopened()).book(ADMISSIONS).holds[request]
    assert {str(id) for id in hold.rounds} == set(won)
    assert {one.state for one in hold.rounds.values()} == {RoundState.ABORTED}
    assert 0 < hold.charged < hold.reserved


def last_two(world: World, site: SiteParty) -> list[RequestId]:
    """Two requests of which one fits what is left."""
    fits = file_more_than_fit(world, site, over=1)
    *others, one, two = site.register().requests
    assert len(others) == fits - 1
    for request in others:
        site.approve(request, site.plan(request).digest, world.acting(REVIEWER))
    return [one, two]


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_reservations_for_the_last_epsilon_the_second_is_refused(first: int) -> None:
    world = World()
    sites = (world.site(), world.reopened())
    requests = last_two(world, sites[0])
    read = [site.plan(one).digest for site, one in zip(sites, requests, strict=True)]
    sites[first].approve(requests[first], read[first], world.acting(REVIEWER))
    counted = sites[first].register().book(ADMISSIONS).counted
    second = 1 - first
    with pytest.raises(PlanStale):
        sites[second].approve(requests[second], read[second], world.acting(REVIEWER))
    read_again = sites[second].plan(requests[second]).digest
    with pytest.raises(BudgetInsufficient):
        sites[second].approve(requests[second], read_again, world.acting(REVIEWER))
    assert sites[second].register().book(ADMISSIONS).counted == counted


def test_two_approvals_at_the_same_moment_are_one_approval_and_one_refusal(path: Path) -> None:
    world = real_world(path, new=True)
    sites = (world.site(), world.reopened())
    requests = last_two(world, sites[0])
    read = [site.plan(one).digest for site, one in zip(sites, requests, strict=True)]
    together = threading.Barrier(2)
    refused: list[SecurefedError] = []

    def approve(place: int) -> None:
        together.wait()
        try:
            sites[place].approve(requests[place], read[place], world.acting(REVIEWER))
        except SecurefedError as error:
            refused.append(error)

    threads = [threading.Thread(target=approve, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [error] = refused
    assert isinstance(error, PlanStale | BudgetInsufficient)
    book = verified(world.reopened()).book(ADMISSIONS)
    assert len(set(book.holds) & set(requests)) == 1
    assert book.counted <= book.granted().cap
