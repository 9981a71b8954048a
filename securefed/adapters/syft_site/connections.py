"""Connections to one site, lent to whoever calls and taken back.

Promises that no two callers have the same one at a time, that one on which something failed is
never lent again, and that one which has lain idle is not either: a site ends idle connections after
`KEPT_S`, and a call that is sent at that moment would be lost. The environment's proxies and CAs
are not asked.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

import requests

# How long a site keeps an idle connection, and how long one counts as usable here.
KEPT_S: Final = 15
_LENT_AGAIN_S: Final = 5


class Connections:
    """As many as there are callers at once."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = Lock()
        self._idle: list[tuple[float, requests.Session]] = []
        self._lent: set[requests.Session] = set()

    @contextmanager
    def lent(self) -> Iterator[requests.Session]:
        """A session for one exchange."""
        session = self._taken()
        whole = False
        try:
            yield session
            whole = True
        finally:
            self._returned(session, whole)

    def close(self) -> None:
        """Ends all, those that are in use as well."""
        with self._lock:
            ended = [*self._lent, *(session for _, session in self._idle)]
            self._lent.clear()
            self._idle.clear()
        for session in ended:
            session.close()

    def _taken(self) -> requests.Session:
        with self._lock:
            oldest = self._monotonic() - _LENT_AGAIN_S
            stale = [session for since, session in self._idle if since < oldest]
            self._idle = [one for one in self._idle if one[0] >= oldest]
            session = self._idle.pop()[1] if self._idle else _new_session()
            self._lent.add(session)
        for one in stale:
            one.close()
        return session

    def _returned(self, session: requests.Session, whole: bool) -> None:
        with self._lock:
            known = session in self._lent
            self._lent.discard(session)
            if known and whole:
                self._idle.append((self._monotonic(), session))
                return
        session.close()


def _new_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session
