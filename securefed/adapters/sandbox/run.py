"""One run behind its walls, as the site holds it: talk with it, its files, and its end.

Promises that after `stop` no process of the run is left, waited for and all, and that its scratch
folder is gone. Whatever goes wrong in the conversation ends the run before the error is raised.
`stop` may come from another thread than the one that talks; that one then finds the run ended.
"""

import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from securefed.adapters.sandbox.channel import Channel, Silence
from securefed.adapters.sandbox.keeper import EXIT_CODES
from securefed.adapters.sandbox.scratch import Scratch
from securefed.domain.identifiers import Digest, Name
from securefed.domain.talk import Begin, End, FromRun, ToRun
from securefed.domain.walls import Ending, Limits
from securefed.errors import RunEnded, RunGarbled

_ENDINGS = {code: Ending[name] for name, code in EXIT_CODES.items()}
_PATIENCE_S = 20.0
_LAST_MOMENTS_S = 2.0


class SandboxedRun:
    """A run, its keeper and its scratch folder."""

    def __init__(
        self, keeper: "subprocess.Popen[bytes]", channel: Channel, scratch: Scratch, limits: Limits
    ) -> None:
        self._keeper = keeper
        self._channel = channel
        self._scratch = scratch
        self._limits = limits
        self._round_ends = time.monotonic() + limits.round_s
        self._ending: Ending | None = None
        self._stopping = threading.Lock()
        self._talking = threading.RLock()
        self._closed = False

    @property
    def keeper(self) -> int:
        """The number of the process that watches over the run."""
        return self._keeper.pid

    def say(self, message: ToRun) -> None:
        """Sends a message. `Begin` starts a round's clock."""
        with self._talking:
            self._refuse_if_ended()
            if isinstance(message, Begin | End):
                self._round_ends = time.monotonic() + self._limits.round_s
            try:
                self._channel.say(message, self._patience())
            except Silence:
                self._too_late()
            except BrokenPipeError:
                self._talk_ended()

    def hear(self) -> FromRun:
        """The run's next message."""
        with self._talking:
            self._refuse_if_ended()
            if time.monotonic() >= self._round_ends:
                self._too_late()  # however much it has to say
            try:
                return self._channel.hear(self._patience())
            except Silence:
                self._too_late()
            except EOFError:
                self._talk_ended()
            except RunGarbled:
                self.stop(Ending.GARBLED)
                raise

    def give(self, name: Name, source: Path) -> None:
        """Copies a file into the folder that the run reads from."""
        self._refuse_if_ended()
        self._scratch.give(name, source)

    def take(self, name: Name, target: Path, most: int) -> Digest:
        """Copies a file that the run made."""
        self._refuse_if_ended()
        return self._scratch.take(name, target, most)

    def empty(self) -> None:
        """Removes all files that were given or made."""
        self._refuse_if_ended()
        self._scratch.empty()

    def stop(self, ending: Ending = Ending.STOPPED) -> Ending:
        """Ends the run, if it has not ended, and waits until nothing is left of it."""
        with self._stopping:
            if self._ending is None:
                self._ending = self._wait(ending)
                self._scratch.remove()
        # Outside: who talks meanwhile sees the run's end, and comes here before it lets go.
        with self._talking:
            if not self._closed:
                self._closed = True
                self._channel.close()
        return self._ending

    def _wait(self, ending: Ending) -> Ending:
        self._keeper.terminate()
        try:
            code = self._keeper.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
            return Ending.LOST
        if code == -signal.SIGTERM:
            return ending  # it had not even begun
        found = _ENDINGS.get(code, Ending.LOST)
        return ending if found is Ending.STOPPED else found

    def _patience(self) -> float:
        return min(self._limits.idle_s, self._round_ends - time.monotonic())

    def _too_late(self) -> NoReturn:
        overtime = time.monotonic() >= self._round_ends
        self._end(Ending.OVERTIME if overtime else Ending.IDLE)

    def _talk_ended(self) -> NoReturn:
        with suppress(subprocess.TimeoutExpired):
            self._keeper.wait(_LAST_MOMENTS_S)  # to learn how it exited, if it did
        self._end(Ending.CLOSED)

    def _end(self, ending: Ending) -> NoReturn:
        raise RunEnded(f"The run ended: {self.stop(ending)}")

    def _refuse_if_ended(self) -> None:
        if self._ending is not None:
            raise RunEnded(f"The run ended: {self._ending}")
