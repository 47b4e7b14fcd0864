"""Qdrant, by its REST API (https://api.qdrant.tech/api-reference).

A point holds one answer, the key whose requests it may serve, and when it ends; all three are part of the search. So no
search sees what another tenant may have, whose key is another one.
"""

import asyncio
import base64
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import httpx

from tianji._core.upstreams.http1 import Timeouts
from tianji.clock import SYSTEM, Clock
from tianji.egress.client import open_client
from tianji.errors import TianjiError, UpstreamProtocolError

TIMEOUTS: Final = Timeouts(connect=2, first_byte=0, between_chunks=5, total=0)
KEY: Final = "tianji_cache_key"
_ENDS: Final = "tianji_expires"  # seconds since the epoch
_NEVER: Final = 2**53
_BETWEEN: Final = 256  # writings between two removals of what has ended
_QUANTIZATION: Final[Mapping[str, Mapping[str, Any]]] = {
    "binary": {"binary": {"always_ram": False}},
    "scalar": {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": False}},
    "product": {"product": {"compression": "x16", "always_ram": False}},
}
_SEARCH: Final = {"quantization": {"ignore": False, "rescore": True, "oversampling": 3.0}}


class QdrantVectors:
    """A collection at `url`, made when the first answer is kept. `size`: of vectors; None: that of the first one."""

    failures: tuple[type[Exception], ...] = (httpx.HTTPError, httpx.InvalidURL, TianjiError, OSError, TimeoutError)

    def __init__(
        self, url: str, collection: str, *, key: str | None, quantization: str, size: int | None, clock: Clock = SYSTEM
    ) -> None:
        self._url = f"{url.rstrip('/')}/collections/{quote(collection, safe='')}"
        self._headers = {"api-key": key} if key else {}
        self._quantization = _QUANTIZATION[quantization]
        self._size = size
        self._clock = clock
        self._client = open_client(TIMEOUTS)
        self._exists = False
        self._making = asyncio.Lock()
        self._writings = 0

    async def nearest(self, key: str, vector: Sequence[float]) -> tuple[bytes, float] | None:
        """Return what is kept by the nearest vector among those of `key`, and how alike it is."""
        if not await self._is_there():
            return None
        asked = {
            "vector": vector,
            "limit": 1,
            "with_payload": ["answer"],
            "filter": {"must": [_is(KEY, key), {"key": _ENDS, "range": {"gt": self._clock.now()}}]},
            "params": _SEARCH,
        }
        found = (await self._ask("POST", "/points/search", asked)).get("result") or []
        try:
            return (base64.b64decode(found[0]["payload"]["answer"]), float(found[0]["score"])) if found else None
        except (LookupError, TypeError, ValueError) as error:
            raise UpstreamProtocolError("Qdrant's answer has no payload and score") from error

    async def put(self, key: str, name: str, vector: Sequence[float], value: bytes, seconds: float) -> None:
        """Keep a value for so many seconds; 0: for ever."""
        await self._make(len(vector))
        now = self._clock.now()
        payload = {KEY: key, _ENDS: now + seconds if seconds else _NEVER, "answer": base64.b64encode(value).decode()}
        point = {"id": str(uuid.UUID(hex=name[:32])), "vector": vector, "payload": payload}
        await self._ask("PUT", "/points?wait=true", {"points": [point]})
        self._writings += 1
        if self._writings % _BETWEEN == 0:
            await self._forget({"must": [{"key": _ENDS, "range": {"lte": now}}]})

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget what is kept by these keys."""
        await self._forget({"must": [{"key": KEY, "match": {"any": list(keys)}}]})

    async def clear(self) -> None:
        """Forget everything that a cache has kept, and nothing else of the collection."""
        await self._forget({"must_not": [{"is_empty": {"key": KEY}}]})

    async def ping(self) -> None:
        """Return when it works."""
        await self._ask("GET", "/exists")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _forget(self, which: Mapping[str, Any]) -> None:
        if await self._is_there():
            await self._ask("POST", "/points/delete?wait=true", {"filter": which})

    async def _is_there(self) -> bool:
        if not self._exists:
            self._exists = ((await self._ask("GET", "/exists")).get("result") or {}).get("exists") is True
        return self._exists

    async def _make(self, size: int) -> None:
        """Make the collection, once; another worker may have been faster."""
        async with self._making:
            if await self._is_there():
                return
            vectors = {"size": self._size or size, "distance": "Cosine"}
            await self._ask("PUT", "", {"vectors": vectors, "quantization_config": self._quantization}, taken=409)
            for name, kind in ((KEY, "keyword"), (_ENDS, "float")):
                await self._ask("PUT", "/index?wait=true", {"field_name": name, "field_schema": kind})
            self._exists = True

    async def _ask(self, method: str, path: str, body: Any = None, taken: int | None = None) -> dict[str, Any]:
        """Return the JSON of an answer. Raises HTTPStatusError but for the status `taken`."""
        answer = await self._client.request(method, self._url + path, json=body, headers=self._headers)
        if answer.status_code == taken:
            return {}
        answer.raise_for_status()
        found = answer.json()
        if not isinstance(found, dict):
            raise UpstreamProtocolError("Qdrant did not answer with an object")
        return found


def _is(name: str, value: str) -> dict[str, Any]:
    return {"key": name, "match": {"value": value}}
