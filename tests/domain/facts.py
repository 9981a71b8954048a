"""The facts that rules look at, as the in-memory world has them."""

from decimal import Decimal

from securefed.domain.facts import ReviewFacts
from securefed.domain.identifiers import Name
from tests.world import World


def facts(world: World | None = None, spent_before: int = 0) -> ReviewFacts:
    """A request of the world's study, and what it would cost after so many others like it."""
    world = world or World()
    world.machine.sandbox = world.sandbox
    request = world.request().request
    loss = world.accountant.loss
    delta = Decimal(world.delta)
    return ReviewFacts(
        request=request,
        card=world.card(),
        machine=world.machine.machine(),
        loss=loss(request.whole, delta),
        dataset_loss=loss(request.whole * (spent_before + 1), delta),
        requester_loss=loss(request.whole * (spent_before + 1), delta),
        known_families=(Name("logistic"),),
        now=world.clock.now(),
    )
