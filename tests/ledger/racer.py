"""One of several processes that want the same thing from one ledger at the same moment.

Started by `test_races.py` as a program of its own: `python -m tests.ledger.racer LEDGER WHAT SEED`.
It says `ready`, waits for a line, races, and prints what it won as JSON.
"""

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

from securefed.adapters.this_machine import SystemEntropy
from securefed.domain.identifiers import Name, RequestId
from securefed.domain.request import RequestState
from securefed.domain.round import RoundId
from securefed.errors import (
    ApprovalExhausted,
    BudgetInsufficient,
    LedgerBusy,
    NotInThisState,
    PlanStale,
    TransitionInvalid,
)
from securefed.parties.site import SiteParty
from securefed.steps.meter_round import abort_round, authorise_steps, reserve_round
from tests.ledger.real_world import real_world
from tests.world import ADMISSIONS, REVIEWER, World

Won = list[str]
_TRIES = 1000


def approve_all(world: World, site: SiteParty, chance: random.Random) -> Won:
    """Approves requests in an order of its own, until each is approved or does not fit."""
    requests = list(site.register().requests)
    chance.shuffle(requests)
    return [request for request in requests if _approved(world, site, request)]


def reserve_all(_: World, site: SiteParty, chance: random.Random) -> Won:
    """Begins attempts, lets each take a step and fail, until no attempt is left."""
    [request] = site.register().requests
    won: Won = []
    for _try in range(_TRIES):
        try:
            id = _next_attempt(site, request, chance)
            token = reserve_round(site.ledger, id, SystemEntropy())
            won.append(str(id))
            authorise_steps(site.ledger, token, 1)
            abort_round(site.ledger, id, Name("raced"))
        except ApprovalExhausted:
            return won
        except (TransitionInvalid, LedgerBusy):
            continue  # somebody else was quicker, or nobody is through yet
    raise AssertionError("The race does not end")


def _approved(world: World, site: SiteParty, request: RequestId) -> bool:
    """Whether it was this process that approved the request."""
    for _try in range(_TRIES):
        try:
            if site.register().request(request).state is not RequestState.PENDING:
                return False  # somebody else has approved it
            site.approve(request, site.plan(request).digest, world.acting(REVIEWER))
        except (PlanStale, NotInThisState, TransitionInvalid, LedgerBusy):
            continue  # the ledger has moved on: look again
        except BudgetInsufficient:
            return False
        return True
    raise AssertionError("The race does not end")


def _next_attempt(site: SiteParty, request: RequestId, chance: random.Random) -> RoundId:
    hold = site.ledger.register().book(ADMISSIONS).holds[request]
    round_ = chance.randint(1, hold.request.study.rounds)
    made = sum(one.round == round_ for one in hold.rounds)
    return RoundId(request=request, round=round_, attempt=made + 1)


_WHAT: dict[str, Callable[[World, SiteParty, random.Random], Won]] = {
    "approve": approve_all,
    "reserve": reserve_all,
}

if __name__ == "__main__":
    path, what, seed = sys.argv[1:]
    shared = real_world(Path(path))
    party = shared.reopened()
    party.register()
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(_WHAT[what](shared, party, random.Random(seed))))
