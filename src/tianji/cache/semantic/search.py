"""Valkey or Redis with their modules for search.

https://valkey.io/topics/search, https://redis.io/docs/latest/commands/ft.search.

An answer is a hash with its vector and the digest of its key, which each search asks for; it ends as keys end. An index
belongs to vectors of one size, which its name says, so another model makes another one.
"""

import hashlib
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tianji.errors import UpstreamProtocolError
from tianji.lazy import load
from tianji.storage.valkey import Server, close, connect

TIMEOUT: Final = 1.0  # seconds of one command
_AT_ONCE: Final = 500
_QUERY: Final = "(@key:{%s})=>[KNN 1 @vector $vector AS distance]"


class SearchVectors:
    """Hashes behind the name of an index. It connects when it is asked."""

    def __init__(self, server: Server, index: str) -> None:
        self._client: Any = connect(server, timeout=TIMEOUT)
        self._index = index
        self._made: set[int] = set()
        errors = load("redis.exceptions")
        self._refused: type[Exception] = errors.ResponseError
        self.failures: tuple[type[Exception], ...] = (errors.RedisError, UpstreamProtocolError, OSError, TimeoutError)

    async def nearest(self, key: str, vector: Sequence[float]) -> tuple[bytes, float] | None:
        """Return what is kept by the nearest vector among those of `key`, and how alike it is."""
        await self._make(len(vector))
        query = (self._name(len(vector)), _QUERY % _tag(key), "PARAMS", 2, "vector", _packed(vector))
        wanted = ("RETURN", 2, "distance", "answer", "DIALECT", 2)
        try:
            found = await self._client.execute_command("FT.SEARCH", *query, *wanted)
        except self._refused:
            self._made.discard(len(vector))  # the server may have been restarted, and its index be gone
            raise
        fields = _first(found)
        if fields is None:
            return None
        try:
            return bytes(fields[b"answer"]), 1.0 - float(fields[b"distance"])
        except (KeyError, TypeError, ValueError) as error:
            raise UpstreamProtocolError("the search did not answer with a distance and an answer") from error

    async def put(self, key: str, name: str, vector: Sequence[float], value: bytes, seconds: float) -> None:
        """Keep a value for so many seconds; 0: for ever."""
        await self._make(len(vector))
        where = f"{self._name(len(vector))}:{_tag(key)}:{name}"
        async with self._client.pipeline(transaction=True) as pipe:
            pipe.hset(where, mapping={"key": _tag(key), "vector": _packed(vector), "answer": value})
            if seconds:
                pipe.pexpire(where, max(1, math.ceil(seconds * 1000)))
            else:
                pipe.persist(where)
            await pipe.execute()

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget what is kept by these keys."""
        for key in keys:
            await self._unlink(f"{self._index}_*:{_tag(key)}:*")

    async def clear(self) -> None:
        """Forget everything that a cache has kept there, and nothing else."""
        await self._unlink(f"{self._index}_*:*")

    async def ping(self) -> None:
        """Return when it works."""
        await self._client.ping()

    async def aclose(self) -> None:
        """Close the connections."""
        await close(self._client)

    async def _unlink(self, pattern: str) -> None:
        some: list[bytes] = []
        async for key in self._client.scan_iter(match=pattern, count=_AT_ONCE):
            some.append(key)
            if len(some) == _AT_ONCE:
                await self._client.unlink(*some)
                some = []
        if some:
            await self._client.unlink(*some)

    def _name(self, size: int) -> str:
        return f"{self._index}_{size}"

    async def _make(self, size: int) -> None:
        """Make the index, once; another worker may have been faster."""
        if size in self._made:
            return
        name = self._name(size)
        vectors = ("VECTOR", "HNSW", 6, "TYPE", "FLOAT32", "DIM", size, "DISTANCE_METRIC", "COSINE")
        schema = ("SCHEMA", "key", "TAG", "vector", *vectors)
        try:
            await self._client.execute_command("FT.CREATE", name, "ON", "HASH", "PREFIX", 1, f"{name}:", *schema)
        except self._refused as error:
            if "already exists" not in str(error).lower():
                raise
        self._made.add(size)


def _tag(key: str) -> str:
    """Return a name of letters and digits for a key: nothing in it means anything to a query."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _packed(vector: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(vector)}f", *vector)


def _first(answer: Any) -> Mapping[bytes, Any] | None:
    """Return the fields of the first hash that was found: a list of names and values (RESP2), or a map (RESP3)."""
    if isinstance(answer, Mapping):
        results = answer.get(b"results") or answer.get("results") or []
        fields = (results[0].get(b"extra_attributes") or results[0].get("extra_attributes")) if results else None
    elif isinstance(answer, list) and len(answer) > 2:
        fields = answer[2]
    else:
        return None
    if isinstance(fields, list):
        fields = dict(zip(fields[::2], fields[1::2], strict=True))
    if not isinstance(fields, Mapping):
        return None
    return {name.encode() if isinstance(name, str) else name: value for name, value in fields.items()}
