"""The cache of answers, for administrators: `/cache/*`."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.cache.caches import Caches
from tianji.edge.answers import respond_json
from tianji.edge.routes import Match, Route
from tianji.errors import CacheUnavailable, InvalidRequest

_TAGS: Final = ("cache",)
_IN_REDIS: Final = frozenset({"redis", "dual"})
_SHOWN: Final = (
    "type", "mode", "ttl", "namespace", "supported_call_types", "max_messages", "cache_scope", "single_flight",
    "max_memory_mb", "max_entry_mb", "max_disk_mb", "similarity_threshold", "semantic_cache_scope",
)  # fmt: skip


class _Keys(msgspec.Struct, frozen=True):
    """The keys that answers came with, as `x-tianji-cache-key`."""

    keys: list[str]


_KEYS: Final = msgspec.json.Decoder(_Keys)


class CacheRoutes(msgspec.Struct, frozen=True):
    """The routes."""

    caches: Caches

    def routes(self) -> list[Route]:
        """Return the rows of the route table."""
        schema = {
            "type": "object",
            "required": ["keys"],
            "properties": {"keys": {"type": "array", "items": {"type": "string"}}},
        }
        return [
            Route(("GET",), "/cache/ping", self._ping, Access.ADMIN, Tenant.ALL, "Say whether the cache works.", _TAGS),
            Route(
                ("POST",),
                "/cache/delete",
                self._delete,
                Access.ADMIN,
                Tenant.ALL,
                "Forget answers by their keys, in all workers.",
                _TAGS,
                request_schema=schema,
            ),
            Route(("POST",), "/cache/flushall", self._clear, Access.ADMIN, Tenant.ALL, "Forget all answers.", _TAGS),
            Route(
                ("GET",),
                "/cache/redis/info",
                self._info,
                Access.ADMIN,
                Tenant.ALL,
                "Say what the cache's Redis tells of itself.",
                _TAGS,
            ),
        ]

    async def _ping(self, exchange: Exchange, _match: Match) -> None:
        far, kind = self._far(), self.caches.plan.type if self.caches.plan else ""
        answer: dict[str, object] = {
            "status": "healthy",
            "cache_type": kind,
            "ping_response": None,
            "set_cache_response": None,
            "litellm_cache_params": msgspec.json.encode(self._params()).decode(),
            "health_check_cache_params": {},
        }
        if far is not None:
            await _working(far, far.probe())
            answer |= {"ping_response": True, "set_cache_response": "success"}
        respond_json(exchange, answer)

    async def _delete(self, exchange: Exchange, _match: Match) -> None:
        try:
            keys = _KEYS.decode(exchange.body).keys
        except msgspec.DecodeError as error:
            raise InvalidRequest(f'{error}; write {{"keys": ["..."]}}', param="keys") from None
        await self._done(exchange, partial(self.caches.forget, keys))

    async def _clear(self, exchange: Exchange, _match: Match) -> None:
        await self._done(exchange, self.caches.clear)

    async def _done(self, exchange: Exchange, work: Callable[[], Awaitable[None]]) -> None:
        far = self._far()
        if far is None:
            await work()
        else:
            await _working(far, work())
        respond_json(exchange, {"status": "success"})

    async def _info(self, exchange: Exchange, _match: Match) -> None:
        far = self._far()
        if far is None or self.caches.plan is None or self.caches.plan.type not in _IN_REDIS:
            raise CacheUnavailable("the cache is not kept in a Redis; set cache_params.type to redis or dual")
        found: list[object] = []

        async def ask() -> None:
            found.append(await far.place.info())

        await _working(far, ask())
        respond_json(exchange, found[0])

    def _far(self) -> Any:
        """Return what is kept elsewhere, if any. Raises CacheUnavailable where there is no cache."""
        if self.caches.cache is None:
            raise CacheUnavailable("no cache is configured; set litellm_settings.cache: true")
        return self.caches.cache.far

    def _params(self) -> dict[str, object]:
        plan = self.caches.plan
        return {} if plan is None else {name: getattr(plan.params, name) for name in _SHOWN} | {"type": plan.type}


async def _working(far: Any, work: Awaitable[None]) -> None:
    """Wait for what a place does. Raises CacheUnavailable."""
    try:
        await work
    except far.place.failures as error:
        raise CacheUnavailable(f"the cache does not work: {type(error).__name__}") from error
