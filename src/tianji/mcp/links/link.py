"""What all ways to a server have in common, and how those keep questions and answers together that have one channel."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

from tianji.errors import TianjiError, UpstreamDisconnected
from tianji.mcp.messages import METHOD_NOT_FOUND, RpcError, answer, refusal

LONGEST: Final = 64 * 1024 * 1024  # bytes of one message


class SessionLost(Exception):  # noqa: N818 - it never leaves a session
    """The server knows no more of what was begun with it, and wants to be greeted again."""


class Link(Protocol):
    """Carries messages to one server, as one caller.

    version: of the protocol, once that was agreed on
    """

    version: str | None

    @property
    def broken(self) -> bool:
        """Whether it carries nothing any more, so that another one is needed."""

    async def ask(self, request: dict[str, Any]) -> Any:
        """Return the answer to a request. Raises UpstreamFailure, and SessionLost."""

    async def tell(self, message: dict[str, Any]) -> None:
        """Send what has no answer. Raises UpstreamFailure."""

    async def close(self) -> None:
        """End it."""


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


def reply(message: dict[str, Any]) -> dict[str, Any] | None:
    """Return what a server is told that asks a client: it is alive, and does nothing else for it."""
    if message.get("id") is None:
        return None
    if message["method"] == "ping":
        return answer(message["id"], {})
    return refusal(message["id"], RpcError(METHOD_NOT_FOUND, "a gateway asks nobody"))
