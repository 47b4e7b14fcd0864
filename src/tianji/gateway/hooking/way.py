"""The way to the client of a request with hooks, and the pieces of an answer that wait for them."""

import asyncio
import re
from collections.abc import Iterable
from typing import Final

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.pipeline import Operation
from tianji._core.upstreams.headers import begin_answer, name_request
from tianji.errors import Header, TianjiError
from tianji.protocol.openai_errors import error_body, error_event

_JSON: Final = (b"content-type", b"application/json")
_EVENTS: Final = b"text/event-stream"
_OF_BODY: Final = frozenset(
    {b"content-type", b"content-length", b"transfer-encoding", b"content-encoding", b"connection"}
)
"""Headers that say how a body is to be read, which hooks do not set."""
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")  # RFC 9110, 5.6.2
_VALUE: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")  # 5.5


class Way:
    """Writes to the client. The head waits for the first piece."""

    def __init__(self, client: Exchange, operation: Operation, call_id: bytes, *, compat: bool) -> None:
        self._client = client
        self._errors = operation.errors
        self._call_id = call_id
        self._compat = compat
        self._headers: list[Header] = []
        self.status = 0

    @property
    def streams(self) -> bool:
        """Whether what comes is a stream of events."""
        return any(name == b"content-type" and value.startswith(_EVENTS) for name, value in self._headers)

    def head(self, status: int, headers: list[Header]) -> None:
        """Take the head of the answer."""
        self.status, self._headers = status, headers

    def add(self, headers: Iterable[tuple[str, object]]) -> list[str]:
        """Take further headers, and return the names of those that cannot be sent."""
        refused = []
        for name, value in headers:
            pair = name.lower().encode("latin-1", "replace"), str(value).encode("latin-1", "replace")
            if pair[0] in _OF_BODY or not _NAME.fullmatch(pair[0]) or not _VALUE.fullmatch(pair[1]):
                refused.append(name)
            else:
                self._headers = [*(one for one in self._headers if one[0] != pair[0]), pair]
        return refused

    def send(self, chunk: bytes, *, last: bool) -> None:
        """Hand on a piece of the answer."""
        client = self._client
        if client.status:
            if last:
                client.finish(chunk)
            else:
                client.write(chunk)
        elif last:
            client.respond(self.status, self._headers, chunk)
        else:
            client.start(self.status, self._headers)
            client.write(chunk)

    def refuse(self, error: TianjiError) -> None:
        """Answer with an error, or end a stream with it."""
        client, errors = self._client, self._errors
        if client.status:
            client.write(error_event(error) if errors is None else errors.event(error))
            client.finish()
            return
        fields = [pair for pair in self._headers if pair[0] not in _OF_BODY]
        fields = fields or begin_answer(False, self._call_id, self._compat)[1:]
        head = [_JSON, *fields, *error.headers]
        named = name_request(head, self._call_id)
        client.respond(error.status, head, error_body(error) if errors is None else errors.body(error, named))

    def abort(self) -> None:
        """Cut the answer off: the client notices."""
        self._client.abort()


class Pieces:
    """Those that came and did not go on."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._last = False
        self._come = asyncio.Event()
        self.size = 0  # bytes

    def put(self, chunk: bytes, *, last: bool) -> None:
        """Add one."""
        self._waiting.append(chunk)
        self.size += len(chunk)
        self._last = last
        self._come.set()

    async def take(self) -> tuple[bytes, bool]:
        """Wait for the next, and return all that there are: (bytes, whether those are the last)."""
        await self._come.wait()
        self._come.clear()
        found = b"".join(self._waiting)
        self._waiting.clear()
        self.size = 0
        return found, self._last

    async def whole(self, most: int) -> bytes | None:
        """Wait for all, and return it; None for more than so many bytes."""
        found: list[bytes] = []
        size, last = 0, False
        while not last:
            chunk, last = await self.take()
            found.append(chunk)
            size += len(chunk)
            if size > most:
                return None
        return b"".join(found)
