"""The two pipes to a run: whole messages, each within a time, from somebody who is not trusted.

Promises that neither a run that says nothing, nor one that says a byte a minute, nor one that never
reads, holds its site for longer than was allowed. Bytes that the run sends too early wait in the
kernel's pipe, which is full soon.
"""

import os
import select
import time

from securefed.domain.talk import FROM_RUN, FrameReader, FromRun, ToRun, framed, heard


class Silence(Exception):
    """The run did not send or take a whole message in time."""


class Channel:
    """A conversation over two descriptors, which it owns."""

    def __init__(self, *, hears: int, says: int) -> None:
        self._hears, self._says = hears, says
        self._reader = FrameReader(most=FROM_RUN)
        os.set_blocking(hears, False)
        os.set_blocking(says, False)

    def hear(self, seconds: float) -> FromRun:
        """The next message; `EOFError` where the run has closed its end."""
        until = time.monotonic() + seconds
        while True:
            _wait(self._hears, select.POLLIN, until)
            said = os.read(self._hears, self._reader.wanted)
            if not said:
                raise EOFError
            if frame := self._reader.feed(said):
                return heard(frame)

    def say(self, message: ToRun, seconds: float) -> None:
        """Sends a message; `BrokenPipeError` where the run has closed its end."""
        until = time.monotonic() + seconds
        left = memoryview(framed(message))
        while left:
            _wait(self._says, select.POLLOUT, until)
            left = left[os.write(self._says, left) :]

    def close(self) -> None:
        """Ends the conversation."""
        os.close(self._hears)
        os.close(self._says)


def _wait(descriptor: int, event: int, until: float) -> None:
    poller = select.poll()
    poller.register(descriptor, event)
    if not poller.poll(max(0.0, until - time.monotonic()) * 1000):
        raise Silence
