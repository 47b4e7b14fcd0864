"""HTTP with a stream of events, as the revision 2024-11-05 has it: answers come in a stream that is opened first.

https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from tianji.errors import TianjiError, UpstreamProtocolError
from tianji.mcp.links.channel import Channel
from tianji.mcp.links.events import Event, Events
from tianji.mcp.links.web import EVENTS, JSON, asked, decoded, require

_ENDPOINT: Final = "endpoint"


class Sse(Channel):
    """See Link. `headers`: what the caller comes with, asked for before each message."""

    def __init__(self, client: Any, url: str, headers: Callable[[], Awaitable[Mapping[str, str]]]) -> None:
        super().__init__()
        self._client = client
        self._url = url
        self._headers = headers
        self._reading: asyncio.Task[None] | None = None
        self._target: asyncio.Future[str] | None = None

    async def tell(self, message: dict[str, Any]) -> None:
        """Send a message to where the stream says that messages go."""
        target = await asyncio.shield(self._open())
        sent = {**await self._headers(), "content-type": JSON}
        async with asked(self._client, "POST", target, sent, message) as answer:
            require(answer)

    async def close(self) -> None:
        """Leave the stream."""
        self._post.end()
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading

    def _open(self) -> asyncio.Future[str]:
        if self._target is None:
            loop = asyncio.get_running_loop()
            self._target = loop.create_future()
            self._target.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._reading = loop.create_task(self._read(self._target))
        return self._target

    async def _read(self, target: asyncio.Future[str]) -> None:
        failure: TianjiError | None = None
        try:
            sent = {**await self._headers(), "accept": EVENTS}
            async with asked(self._client, "GET", self._url, sent, None) as answer:
                require(answer)
                events = Events()
                async for piece in answer.aiter_raw():
                    for event in events.feed(piece):
                        await self._take(event, target)
        except TianjiError as error:
            failure = error
        finally:
            self._post.end(failure)
            if not target.done():
                target.set_exception(self._post.failure or UpstreamProtocolError("the MCP server said nothing"))

    async def _take(self, event: Event, target: asyncio.Future[str]) -> None:
        if event.kind == _ENDPOINT:
            where = urljoin(self._url, event.data)
            if urlsplit(where)[:2] != urlsplit(self._url)[:2]:  # credentials go to nobody else
                raise UpstreamProtocolError("the MCP server wants messages to be sent to another one")
            if not target.done():
                target.set_result(where)
            return
        back = self._post.take(decoded(event.data)) if event.kind == "message" else None
        if back is not None:
            await self.tell(back)
