"""Files of requests, one a line, as they are read: some lines at a time.

https://platform.openai.com/docs/guides/batch
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from tianji._core.upstreams.spool import Extent
from tianji.errors import InvalidRequest

READ: Final = 64 * 1024  # bytes
TURN: Final = 16  # reads before others have their turn
LONGEST: Final = 16 * 1024 * 1024  # bytes of one line
MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
Content = bytes | Extent


async def in_lines(content: Content) -> AsyncIterator[list[tuple[bytes, bytes]]]:
    """Yield the lines of a file, some at a time, each with its end."""
    size = len(content) if isinstance(content, bytes) else content.size
    rest = b""
    for number, at in enumerate(range(0, size, READ)):
        data = rest + _piece(content, at)
        *whole, rest = data.split(b"\n")
        if len(rest) > LONGEST:
            raise InvalidRequest(f"a line of the file is over {LONGEST} bytes", param="file")
        if whole:
            yield [(line, b"\n") for line in whole]
        if number % TURN == TURN - 1:
            await asyncio.sleep(0)
    if rest:
        yield [(rest, b"")]


def _piece(content: Content, at: int) -> bytes:
    if isinstance(content, bytes):
        return content[at : at + READ]
    return content.spool.read(content.at + at, min(READ, content.size - at))
