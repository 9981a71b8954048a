"""The composition root of a run: what a site starts inside the walls, round after round.

    python -m securefed.wiring.runner

It says that it is ready when all is loaded, and then does what it is told. Of a round that fails
only the error's code is said; its words and causes stand in the site's log of the run, since they
may hold private values.
"""

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import securefed
from securefed.adapters.sandbox import SiteLine
from securefed.adapters.this_machine.probe import files_digest
from securefed.domain.identifiers import Name
from securefed.errors import SecurefedError
from securefed.wiring.garbage import look_seldom

if TYPE_CHECKING:
    from securefed.adapters.opacus_training.round_in_walls import RoundsInWalls


def main() -> None:
    """Serves a site until it has no further round."""
    look_seldom()
    # Before anything else is loaded: what a library prints must not reach the site.
    line = SiteLine.open()
    serve(line, new_rounds())


def new_rounds() -> "RoundsInWalls":
    """The engine, loaded and warm."""
    package = Path(securefed.__file__).parent
    code = files_digest(package)
    from securefed.adapters.opacus_training.round_in_walls import RoundsInWalls, load_engine

    load_engine()
    return RoundsInWalls(code, lambda: files_digest(package))


def serve(line: SiteLine, rounds: "RoundsInWalls") -> None:
    """Does one round after the other."""
    from securefed.adapters.opacus_training.round_in_walls import Folders

    while (begin := line.next_round()) is not None:
        folders = Folders(given=line.given, made=line.made)
        try:
            done = rounds.run(begin.document, folders, line)
        except SecurefedError as error:
            traceback.print_exception(error)
            line.failed(Name(error.code))
        else:
            line.finished(done.executed, done.files)


if __name__ == "__main__":
    main()
