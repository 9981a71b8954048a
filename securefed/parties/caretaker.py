"""The caretaker of a served site: sees to it that everything follows the ledger.

Other processes of the owner write to the ledger, too: they approve, revoke, register. A few times a
second the caretaker looks at the ledger's head; when a decision was added it has PySyft follow, and
ends what may no longer run. What fails because of the machine is said and tried again; anything
else ends the site, since a site that does not follow its ledger must not serve.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import TypeAlias

from securefed.domain.mirrored import Mirrored, mirrored
from securefed.domain.register import Register
from securefed.errors import EnvironmentFault, SecurefedError
from securefed.parties.desk import Desk
from securefed.parties.doorkeeper import Doorkeeper
from securefed.steps.keep_ledger import SiteLedger

# How many decisions and endings a ledger has, and how many requests.
_Standing: TypeAlias = tuple[int, int]

_LOOK_S = 0.2
_TIDY_EVERY = 10


@dataclass(frozen=True, kw_only=True)
class Duties:
    """What a caretaker has at hand. `take_in` files what is new in PySyft and says how much;
    `follow` brings PySyft to what the ledger says; `say` is for the owner; `halt` ends the site."""

    ledger: SiteLedger
    desk: Desk
    doorkeeper: Doorkeeper
    take_in: Callable[[Mirrored], int]
    follow: Callable[[Mirrored], None]
    say: Callable[[SecurefedError], None]
    halt: Callable[[], None]


class Caretaker:
    """One site's caretaker."""

    def __init__(self, duties: Duties) -> None:
        self._duties = duties
        self._ending = Event()
        self._wanted: tuple[_Standing, Mirrored] | None = None
        self._followed: _Standing | None = None
        self._looks = 0

    @contextmanager
    def on_duty(self) -> Iterator[None]:
        """Repairs what a crash left, then looks around while the block runs; settles all after."""
        duties = self._duties
        duties.desk.begin()
        self.look()
        thread = Thread(target=self._round, name="caretaker")
        thread.start()
        try:
            yield
        finally:
            self._ending.set()
            thread.join()
            duties.desk.stop()
            duties.doorkeeper.enter(at_end=True)

    def look(self) -> None:
        """One look around."""
        duties = self._duties
        standing, wanted = self._ruled()
        if duties.take_in(wanted):
            standing, wanted = self._ruled()
        if standing != self._followed:
            duties.follow(wanted)
            duties.desk.tidy()
            self._followed = standing
        elif self._looks % _TIDY_EVERY == 0:
            duties.desk.tidy()
        self._looks += 1
        duties.doorkeeper.enter()

    def _ruled(self) -> tuple[_Standing, Mirrored]:
        """What the ledger says now; made anew only where something was added that matters."""
        with self._duties.ledger.held() as register:
            standing = _standing(register)
            if self._wanted is None or self._wanted[0] != standing:
                self._wanted = standing, mirrored(register)
            return self._wanted

    def _round(self) -> None:
        while not self._ending.wait(_LOOK_S):
            done = False
            try:
                self.look()
                done = True
            except EnvironmentFault as error:
                self._duties.say(error)
                done = True
            except SecurefedError as error:
                self._duties.say(error)
            finally:
                if not done:
                    self._duties.halt()
            if not done:
                return


def _standing(register: Register) -> _Standing:
    """What changes when PySyft has something to follow: decisions, endings, and requests."""
    return len(register.material), len(register.requests)
