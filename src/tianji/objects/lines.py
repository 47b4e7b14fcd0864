"""Files of requests for a batch, one a line (https://platform.openai.com/docs/guides/batch).

They are read as they come: what each line asks for is counted, and the models that clients name become those of the
upstream. A line that nobody can read is left as it is and counted by its length; the upstream says what is wrong.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from tianji._core.upstreams.spool import Extent, Spool
from tianji.errors import InvalidRequest
from tianji.gateway.translation.request_lines import MEMBERS, Content, in_lines

BYTES_A_TOKEN: Final = 4
_ASKED: Final = ("messages", "input", "prompt")
Rename = Callable[[str], str]


class Counted(Struct):
    """What a file asks for: how many requests, and how many tokens their prompts have, about."""

    rows: int = 0
    tokens: int = 0


class Count:
    """Reads the lines of one file. `rename` gives the upstream's name of a model; it may raise."""

    def __init__(self, rename: Rename, most: int | None) -> None:
        """`most`: lines that a file may have; None: any number."""
        self.counted = Counted()
        self._rename = rename
        self._most = most

    def line(self, text: bytes) -> bytes:
        """Count a line and return it as the upstream gets it. Raises InvalidRequest where there are too many."""
        if not text.strip():
            return text
        self.counted.rows += 1
        if self._most is not None and self.counted.rows > self._most:
            raise InvalidRequest(f"a batch may have {self._most} requests; split the file", param="file")
        try:
            members = MEMBERS.decode(text)
            body = MEMBERS.decode(members["body"])
            model = msgspec.json.decode(body["model"], type=str) if "model" in body else None
        except (msgspec.DecodeError, KeyError, RecursionError):
            self.counted.tokens += max(1, len(text) // BYTES_A_TOKEN)
            return text
        asked = sum(len(bytes(body[name])) for name in _ASKED if name in body)
        self.counted.tokens += max(1, (asked or len(text)) // BYTES_A_TOKEN)
        if model is None:
            return text
        named = self._rename(model)
        if named == model:
            return text
        body["model"] = msgspec.Raw(msgspec.json.encode(named))
        members["body"] = msgspec.Raw(msgspec.json.encode(body))
        return msgspec.json.encode(members)


async def rewritten(content: Content, rename: Rename, most: int | None) -> tuple[Content, int, Counted]:
    """Return a file as an upstream gets it, its length in bytes, and what it asks for.

    Raises InvalidRequest for a line that is too long or one too many, and what `rename` raises.
    """
    count = Count(rename, most)
    spool = Spool()
    async for lines in in_lines(content):
        spool.write(b"".join(count.line(line) + end for line, end in lines))
    return Extent(spool, 0, spool.size), spool.size, count.counted
