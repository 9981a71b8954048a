"""Runs behind walls: started in them, talked to through them, ended with all that they began."""

from pathlib import Path
from typing import Protocol

from securefed.domain.identifiers import Digest, Name
from securefed.domain.talk import FromRun, ToRun
from securefed.domain.walls import Enclosure, Ending


class Walled(Protocol):
    """One run inside its walls. It is watched until it ends; whoever starts it must `stop` it."""

    def say(self, message: ToRun) -> None:
        """Sends a message. `Begin` starts a round's clock."""
        ...

    def hear(self) -> FromRun:
        """The run's next message; ends the run where it is none, comes late, or never comes."""
        ...

    def give(self, name: Name, source: Path) -> None:
        """Copies a file into the folder that the run reads its round's files from."""
        ...

    def take(self, name: Name, target: Path, most: int) -> Digest:
        """Copies a file that the run made to a new file, and digests the copy."""
        ...

    def empty(self) -> None:
        """Removes all files that were given or made, so that the next round finds none."""
        ...

    def stop(self, ending: Ending = Ending.STOPPED) -> Ending:
        """Kills all that is left of the run and removes its scratch folder.

        Any thread may call it, any number of times. It returns how the run ended first."""
        ...


class Walls(Protocol):
    """Puts walls around runs."""

    def start(self, enclosure: Enclosure) -> Walled:
        """Starts a run inside these very walls, or refuses."""
        ...
