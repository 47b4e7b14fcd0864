"""A conversation with one server: greeted once, then asked.

https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle
"""

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from tianji import __version__
from tianji.errors import UpstreamProtocolError, UpstreamTimeout
from tianji.mcp.links.link import Link, SessionLost
from tianji.mcp.messages import LATEST, VERSIONS, notification, request, result_of

T = TypeVar("T")
MOST_PAGES: Final = 1000
_CLIENT: Final = {"name": "tianji", "version": __version__}


class Session:
    """One. `told`: what the server has said of itself when it was greeted."""

    def __init__(self, link: Link, version: str) -> None:
        """`version`: of the protocol, that is offered; `auto` for the latest."""
        self._link = link
        self._offers = version if version in VERSIONS else LATEST
        self._greeting = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._greeted = False
        self.told: dict[str, Any] = {}
        self.under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def broken(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._link.broken

    async def can(self, capability: str, seconds: float) -> bool:
        """Whether the server has prompts, resources, or the like. Raises as `ask` does."""
        await self._within(seconds, self._greet())
        known = self.told.get("capabilities")
        return isinstance(known, dict) and known.get(capability) is not None

    async def ask(self, method: str, params: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Return what the server answers. Raises RpcError for its own errors, and UpstreamFailure."""
        return await self._within(seconds, self._asked(method, params))

    async def listed(self, method: str, member: str, seconds: float) -> list[dict[str, Any]]:
        """Return all pages of a list. Raises as `ask` does."""
        return await self._within(seconds, self._pages(method, member))

    async def close(self) -> None:
        """End it, when what is under way has its answer."""
        await self._idle.wait()
        await self._link.close()

    async def _within(self, seconds: float, work: Coroutine[Any, Any, T]) -> T:
        self.under_way += 1
        self._idle.clear()
        try:
            async with asyncio.timeout(seconds):
                return await work
        except TimeoutError as error:
            raise UpstreamTimeout(f"the MCP server did not answer within {seconds:g} seconds", "total") from error
        finally:
            self.under_way -= 1
            if not self.under_way:
                self._idle.set()

    async def _pages(self, method: str, member: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: object = None
        seen: set[object] = set()
        for _ in range(MOST_PAGES):
            page = await self._asked(method, {} if cursor is None else {"cursor": cursor})
            rows = page.get(member)
            found += [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
            cursor = page.get("nextCursor")
            if not isinstance(cursor, str) or cursor in seen:
                break
            seen.add(cursor)
        return found

    async def _asked(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        try:
            await self._greet()
            return await self._put(method, params)
        except SessionLost:
            self._greeted, self._link.version = False, None
        try:
            await self._greet()
            return await self._put(method, params)
        except SessionLost as error:
            raise UpstreamProtocolError("the MCP server forgets its sessions at once") from error

    async def _greet(self) -> None:
        async with self._greeting:
            if self._greeted:
                return
            offered = {"protocolVersion": self._offers, "capabilities": {}, "clientInfo": _CLIENT}
            self.told = await self._put("initialize", offered)
            agreed = self.told.get("protocolVersion")
            if agreed not in VERSIONS:
                raise UpstreamProtocolError(f"the MCP server speaks {str(agreed)[:40]!r}, which is not known here")
            self._link.version = str(agreed)
            await self._link.tell(notification("notifications/initialized"))
            self._greeted = True

    async def _put(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        told = await self._link.ask(request(next(self._numbers), method, params))
        try:
            return result_of(told)
        except ValueError as error:
            raise UpstreamProtocolError(f"what the MCP server answered cannot be read: {error}") from error
