"""Access tokens that expire: minted ahead of time, once for all who ask, and never in the way of a request."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from msgspec import Struct

from tianji.clock import SYSTEM, Clock
from tianji.errors import UpstreamConnectFailed

_EARLY = 300.0  # seconds before its end that a token is replaced; a quarter of its life where that is shorter
_PAUSE = 15.0  # seconds from a failed refresh to the next one, while the old token still serves


T = TypeVar("T")


class Token(Struct, Generic[T], frozen=True):
    """A token, or keys, and how long they are good for, in seconds from when they were asked for."""

    value: T
    lifetime: float


class TokenSource(Generic[T]):
    """Holds the token of one credential.

    Who needs it calls `current`, which costs nothing while a token is valid; only when there is none has `wait` to be
    awaited. A token that is about to end is replaced beside the requests that go on using it. Made once a worker and
    used in one event loop.
    """

    def __init__(self, mint: Callable[[], Awaitable[Token[T]]], clock: Clock = SYSTEM) -> None:
        self._mint = mint
        self._clock = clock
        self._value: T | None = None
        self._ends = 0.0  # both on the monotonic clock
        self._stale = 0.0
        self._minting: asyncio.Task[T] | None = None

    def current(self) -> T | None:
        """Return the token if it is valid, and see to its successor in time."""
        now = self._clock.monotonic()
        if self._value is None or now >= self._ends:
            return None
        if now >= self._stale and self._minting is None:
            self._stale = now + _PAUSE
            self._begin().add_done_callback(_heard)
        return self._value

    def held(self) -> T:
        """Return the token. Raises UpstreamConnectFailed when there is none: who asks has not waited."""
        value = self.current()
        if value is None:
            raise UpstreamConnectFailed("the credentials of this deployment are still being fetched")
        return value

    def task(self) -> asyncio.Task[T] | None:
        """Return what to wait for before a token can be had, None when there is one. It may be cancelled."""
        return None if self.current() is not None else asyncio.ensure_future(self.wait())

    async def wait(self) -> T:
        """Return a valid token, minted if need be. Raises what minting raises; nobody's leaving disturbs the others."""
        value = self.current()
        if value is None:
            value = await asyncio.shield(self._minting or self._begin())
        return value

    def _begin(self) -> asyncio.Task[T]:
        self._minting = asyncio.ensure_future(self._replace())
        return self._minting

    async def _replace(self) -> T:
        asked = self._clock.monotonic()
        try:
            token = await self._mint()
        finally:
            self._minting = None
        self._value = token.value
        self._ends = asked + token.lifetime
        self._stale = self._ends - min(_EARLY, token.lifetime / 4)
        return token.value


def _heard(task: asyncio.Task[T]) -> None:
    """Take note of a failure: the old token serves on, and the next request after a pause tries again."""
    if not task.cancelled():
        task.exception()
