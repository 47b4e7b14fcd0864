"""What is sent to servers over HTTP, and how they are understood when they refuse."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from tianji.errors import Header, UpstreamConnectFailed, UpstreamProtocolError, UpstreamRefused
from tianji.lazy import load
from tianji.mcp.links.link import LONGEST

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
Headers = Callable[[], Mapping[str, str]]


class Unauthorized(UpstreamRefused):
    """A server does not know the caller. `challenge`: how he would show who he is, which his client is told."""

    def __init__(self, status: int, challenge: str | None) -> None:
        message = "the MCP server does not accept the credentials it was sent"
        super().__init__(status, message, "authentication_error", code=None, param=None)
        self._challenge = challenge

    @property
    def headers(self) -> tuple[Header, ...]:
        """The challenge."""
        found = (self._challenge or "").encode("latin-1", "replace")
        return ((b"www-authenticate", found),) if found and found.isascii() else ()


@asynccontextmanager
async def asked(client: Any, method: str, url: str, headers: Mapping[str, str], message: object) -> AsyncIterator[Any]:
    """Send a message, or ask for a stream where it is None. Raises UpstreamConnectFailed."""
    body = None if message is None else msgspec.json.encode(message)
    httpx = load("httpx")
    try:
        # what is packed may be larger than anybody asked for
        sent = {"accept-encoding": "identity", **headers}
        async with client.stream(method, url, headers=sent, content=body) as answer:
            yield answer
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise UpstreamConnectFailed(f"the MCP server cannot be reached: {type(error).__name__}") from error


def require(answer: Any) -> None:
    """Raise UpstreamRefused for an answer that is none."""
    status = answer.status_code
    if status in (401, 403):
        raise Unauthorized(status, answer.headers.get("www-authenticate"))
    if not 200 <= status < 300:
        told = f"the MCP server answered {status}"
        raise UpstreamRefused(502 if status >= 500 else status, told, "upstream_error", code=None, param=None)


async def whole(answer: Any) -> bytes:
    """Return a body. Raises UpstreamProtocolError for one that is too long."""
    found = bytearray()
    async for piece in answer.aiter_raw():
        found += piece
        if len(found) > LONGEST:
            raise UpstreamProtocolError("the MCP server sent an answer that is too long")
    return bytes(found)


def decoded(text: str | bytes) -> Any:
    """Return a message. Raises UpstreamProtocolError for what is no JSON."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UpstreamProtocolError("the MCP server sent what is not JSON") from error
