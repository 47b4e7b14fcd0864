"""Streamable HTTP: each message is a POST, whose answer is JSON or a stream that ends with it.

https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http
"""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from tianji.errors import TianjiError, UpstreamDisconnected, UpstreamProtocolError
from tianji.mcp.links.events import Events
from tianji.mcp.links.link import SessionLost, reply
from tianji.mcp.links.web import EVENTS, JSON, asked, decoded, require, whole

_SESSION: Final = "mcp-session-id"
_VERSION: Final = "mcp-protocol-version"


class Streamable:
    """See Link. `headers`: what the caller comes with, asked for before each message."""

    version: str | None = None
    broken = False

    def __init__(self, client: Any, url: str, headers: Callable[[], Awaitable[Mapping[str, str]]]) -> None:
        self._client = client
        self._url = url
        self._headers = headers
        self._session: str | None = None

    async def ask(self, request: dict[str, Any]) -> Any:
        """Send a request."""
        async with asked(self._client, "POST", self._url, await self._sent(), request) as answer:
            if answer.status_code == 404 and self._session is not None:
                self._session = None
                raise SessionLost
            require(answer)
            self._session = answer.headers.get(_SESSION) or self._session
            if answer.headers.get("content-type", "").startswith(EVENTS):
                return await self._out_of(answer, request["id"])
            found = decoded(await whole(answer))
        if not isinstance(found, dict) or found.get("id") != request["id"]:
            raise UpstreamProtocolError("the MCP server answered something else than what was asked")
        return found

    async def tell(self, message: dict[str, Any]) -> None:
        """Send a notification, or an answer."""
        async with asked(self._client, "POST", self._url, await self._sent(), message) as answer:
            require(answer)

    async def close(self) -> None:
        """Tell the server that it may forget the session; whether it does is its own affair."""
        if self._session is None:
            return
        with contextlib.suppress(TianjiError):
            async with asked(self._client, "DELETE", self._url, await self._sent(), None):
                self._session = None

    async def _out_of(self, answer: Any, name: object) -> Any:
        """Return the answer to a request out of a stream, in which a server may say and ask other things before."""
        events = Events()
        async for piece in answer.aiter_raw():
            for event in events.feed(piece):
                message = decoded(event.data) if event.kind == "message" else None
                if not isinstance(message, dict):
                    continue
                if "method" not in message and message.get("id") == name:
                    return message
                back = reply(message) if "method" in message else None
                if back is not None:
                    await self.tell(back)
        raise UpstreamDisconnected("the MCP server ended its answer before it was complete")

    async def _sent(self) -> dict[str, str]:
        sent = {**await self._headers(), "content-type": JSON, "accept": f"{JSON}, {EVENTS}"}
        if self._session is not None:
            sent[_SESSION] = self._session
        if self.version is not None:
            sent[_VERSION] = self.version
        return sent
