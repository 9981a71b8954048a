"""Two applications behind one port: the blob channel below /blobs, the door for everything else.

A path is compared as it came, before anything unescapes or shortens it: what only looks like a
blob's path goes to the door, which does not know it.
"""

from collections.abc import MutableMapping
from typing import Any

from securefed.adapters.syft_site.front_filter import Application, Receive, Send

BLOBS = "/blobs"


class Beside:
    """The one application that is served."""

    def __init__(self, door: Application, blobs: Application) -> None:
        self._door = door
        self._blobs = blobs

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Hands a request on."""
        if scope["type"] == "http" and scope["path"].startswith(f"{BLOBS}/"):
            await self._blobs({**scope, "root_path": BLOBS}, receive, send)
        else:
            await self._door(scope, receive, send)
