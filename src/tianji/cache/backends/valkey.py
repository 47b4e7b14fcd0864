"""A Valkey or Redis: single, behind Sentinels, or a cluster."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tianji._core.sharing.shm import SharedCounters
from tianji.lazy import load
from tianji.storage.valkey import Server, close, connect

PREFIX: Final = "tianji:cache:"  # what a cache may forget: the store may hold limits, and what is not ours
TIMEOUT: Final = 1.0  # seconds of one command
_AT_ONCE: Final = 500


class ValkeyPlace:
    """Keys stand behind PREFIX. It connects when it is asked. `counters`: where that is counted."""

    def __init__(self, server: Server, counters: SharedCounters | None = None) -> None:
        self._spread = server.kind == "cluster"
        self._client: Any = connect(server, timeout=TIMEOUT, counters=counters)
        self.failures: tuple[type[Exception], ...] = (load("redis.exceptions").RedisError, OSError, TimeoutError)

    async def read(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        """Return what is kept by these keys, None for nothing."""
        named = [PREFIX + key for key in keys]
        ask = self._client.mget_nonatomic if self._spread else self._client.mget
        found: Sequence[bytes | None] = await ask(named)
        return found

    async def write(self, values: Mapping[str, tuple[bytes, float]]) -> None:
        """Keep values by their keys, each for so many seconds; 0: for ever."""
        async with self._client.pipeline(transaction=False) as pipe:
            for key, (value, seconds) in values.items():
                pipe.set(PREFIX + key, value, px=max(1, math.ceil(seconds * 1000)) if seconds else None)
            await pipe.execute()

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget what is kept by these keys."""
        for key in keys:
            await self._client.unlink(PREFIX + key)

    async def clear(self) -> None:
        """Forget everything that a cache has kept there, and nothing else."""
        some: list[bytes] = []
        async for key in self._client.scan_iter(match=PREFIX + "*", count=_AT_ONCE):
            some.append(key)
            if len(some) == _AT_ONCE:
                await self._unlink(some)
                some = []
        await self._unlink(some)

    async def _unlink(self, keys: list[bytes]) -> None:
        if self._spread:
            for key in keys:
                await self._client.unlink(key)
        elif keys:
            await self._client.unlink(*keys)

    async def ping(self) -> None:
        """Return when it works."""
        await self._client.ping()

    async def info(self) -> dict[str, Any]:
        """Return what the store tells of itself and of its clients; of clients None where it may not."""
        clients: list[Any] | None
        try:
            clients = list(await self._client.client_list())
        except Exception as error:  # ACLs may forbid it, and each server says so in its own way
            if "no permissions" not in str(error).lower() and "noperm" not in str(error).lower():
                raise
            clients = None
        return {
            "num_clients": -1 if clients is None else len(clients),
            "clients": clients,
            "info": await self._client.info(),
        }

    async def aclose(self) -> None:
        """Close the connections."""
        await close(self._client)
