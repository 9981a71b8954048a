"""A site on which acts are tried out, and shown to leave no trace where they are refused."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from securefed.domain import decision as made
from securefed.domain.event import Event
from securefed.domain.identifiers import AccountId, Line, SiteId
from securefed.errors import SecurefedError
from securefed.parties.site import SiteParty
from tests.forge import decided
from tests.snapshots import picture
from tests.world import World

REASON = Line("As agreed")


class Stage:
    """A site, and somebody who decides at it."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()
        self.site: SiteParty = self.world.site()

    def header(self, by: AccountId) -> dict[str, Any]:
        """The fields that every decision has."""
        return {"site": SiteId("hospital-a"), "by": by, "at": self.now(), "reason": REASON}

    def now(self) -> datetime:
        """The ledger's time."""
        return self.site.ledger.now()

    def record(self, event: Event) -> None:
        """Adds an event."""
        self.site.ledger.record(event)

    def decide(self, by: AccountId, decision: made.Decision) -> None:
        """Adds a decision, signed by its author."""
        self.record(decided(self.world, by, decision))

    def refuse(self, error: type[SecurefedError], match: str, act: Callable[[], object]) -> None:
        """The act is refused and leaves everything as it was, in the register and in the store."""
        before = picture(self.site.ledger.register())
        with pytest.raises(error, match=match):
            act()
        assert picture(self.site.ledger.register()) == before
        assert picture(self.world.reopened().ledger.register()) == before
