"""Ways to a server over one channel, in which answers come in any order and are kept together with their questions."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from tianji.errors import TianjiError, UpstreamDisconnected
from tianji.mcp.links.link import reply


class Post:
    """The questions that are under way over one channel."""

    def __init__(self) -> None:
        self._waiting: dict[Any, asyncio.Future[Any]] = {}
        self.failure: TianjiError | None = None

    def expect(self, name: Any) -> asyncio.Future[Any]:
        """Return what the answer to a question will come in. Raises what the channel ended with."""
        if self.failure is not None:
            raise self.failure
        found: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[name] = found
        found.add_done_callback(self._done_with(name))
        return found

    def _done_with(self, name: Any) -> Callable[[asyncio.Future[Any]], object]:
        def done(future: asyncio.Future[Any]) -> None:
            self._waiting.pop(name, None)
            if not future.cancelled():
                future.exception()  # whoever asked may have had another failure before it came to this one

        return done

    def take(self, message: Any) -> dict[str, Any] | None:
        """Take what came. Returns what is to be sent back, where the server has asked something."""
        if not isinstance(message, dict):
            return None
        if "method" in message:
            return reply(message)
        waiting = self._waiting.get(message.get("id")) if isinstance(message.get("id"), str | int) else None
        if waiting is not None and not waiting.done():
            waiting.set_result(message)
        return None

    def end(self, failure: TianjiError | None = None) -> None:
        """Take that nothing more will come."""
        self.failure = self.failure or failure or UpstreamDisconnected("the MCP server has ended the connection")
        for waiting in list(self._waiting.values()):
            if not waiting.done():
                waiting.set_exception(self.failure)


class Channel(ABC):
    """See Link. Who reads from the server hands to `_post` all that comes, and the end."""

    version: str | None = None

    def __init__(self) -> None:
        self._post = Post()

    @property
    def broken(self) -> bool:
        """Whether nothing more will come."""
        return self._post.failure is not None

    async def ask(self, request: dict[str, Any]) -> Any:
        """Send a request, and wait for what the server says of it."""
        expected = self._post.expect(request["id"])
        try:
            await self.tell(request)
            return await expected
        finally:
            expected.cancel()

    @abstractmethod
    async def tell(self, message: dict[str, Any]) -> None:
        """Send a message."""
