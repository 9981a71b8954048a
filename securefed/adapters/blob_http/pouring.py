"""From a request's body into a blob, block by block.

One block is written and hashed in a thread while the next one is received, and no third one is
read before that: memory stays at two blocks. Every block has to come within the patience, so that
a body which drips ends as one which stands still. What came before an end is written.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from securefed.adapters.blob_http.spoken import BLOCK
from securefed.errors import BlobLengthWrong, BlobSlow

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


async def pour(receive: Receive, write: Callable[[bytes], None], patience: float) -> None:
    """The whole body, or an error that says how it ended."""
    writing: asyncio.Task[None] | None = None
    more = True
    try:
        while more:
            parts: list[bytes] = []
            try:
                async with asyncio.timeout(patience):
                    more = await _fill(parts, receive)
            except TimeoutError as error:
                raise BlobSlow("The next block did not come in time") from error
            finally:
                writing = await _after(writing, write, parts)
    finally:
        if writing is not None:
            await writing


async def _after(
    before: asyncio.Task[None] | None, write: Callable[[bytes], None], parts: list[bytes]
) -> asyncio.Task[None]:
    if before is not None:
        await before
    return asyncio.create_task(asyncio.to_thread(write, b"".join(parts)))


async def _fill(parts: list[bytes], receive: Receive) -> bool:
    size = 0
    while size < BLOCK:
        message = await receive()
        if message["type"] != "http.request":
            raise BlobLengthWrong("The sender left before the end")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if not message.get("more_body", False):
            return False
    return True
