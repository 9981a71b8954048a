"""A site in a process of its own: `python -m tests.adapters.syft_site.served FOLDER`.

It prints its port when it answers, serves until it is asked to end, and then says what it refused.
"""

import sys
from pathlib import Path

from securefed.adapters.syft_site.serving import RunningSite, serve
from securefed.domain.door import Refused
from tests.adapters.syft_site.places import server


def main() -> None:
    """Serves the folder of the first argument."""
    refused: list[Refused] = []

    def ready(site: RunningSite) -> None:
        sys.stdout.write(f"{site.port}\n")
        sys.stdout.flush()

    serve(server(Path(sys.argv[1]), refused), ready)
    sys.stdout.write(f"ended after {len(refused)}\n")


if __name__ == "__main__":
    main()
