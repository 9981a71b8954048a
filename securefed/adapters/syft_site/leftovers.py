"""What PySyft keeps of every call for ever, and reads again at each later one: forgotten here.

Each call of an approved function leaves a row of history, which PySyft reads in whole before the
next call, so that a study of a thousand polls would take a second for each; it is used for nothing
here, since the ledger counts. Arguments and results stay for a minute after they were first seen:
the caller has fetched them long before. A call that is never made leaves arguments too.
"""

from collections.abc import Callable
from typing import Final

from securefed.adapters.syft_site.inside import Inside
from securefed.adapters.syft_site.pysyft import UID

_SECONDS: Final = 60.0


class Leftovers:
    """What calls leave in one datasite."""

    def __init__(self, inside: Inside, now: Callable[[], float]) -> None:
        self._inside = inside
        self._history = inside.datasite.services.output.stash
        self._objects = inside.datasite.services.action.stash
        self._now = now
        self._next = now()
        self._since: dict[UID, float] = {}

    def forget(self, in_use: Callable[[], set[UID]]) -> None:
        """Removes the history of calls at once, and now and then what else is not in use."""
        if len(self._history):
            with self._history.sessionmaker() as session, session.begin():
                session.execute(self._history.table.delete())
        if self._now() >= self._next:
            self._next = self._now() + _SECONDS / 2
            self._forget_objects(in_use())

    def _forget_objects(self, in_use: set[UID]) -> None:
        with self._objects.sessionmaker() as session:
            rows = session.query(self._objects.table.c.id).all()
        now = self._now()
        there = {row.id for row in rows} - in_use
        self._since = {uid: self._since.get(uid, now) for uid in there}
        self._inside.forget(uid for uid, at in self._since.items() if now - at >= _SECONDS)
