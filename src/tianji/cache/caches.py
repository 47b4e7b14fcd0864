"""The cache of one worker, over all reloads. What it consists of is loaded when a configuration wants one."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from tianji._core.caching.memory import tag_of
from tianji._core.caching.recall import Cache
from tianji._core.sharing.revision import EVERYTHING, Revisions
from tianji._core.sharing.shm import SharedCounters
from tianji.cache.plan import Plan, plan_of
from tianji.config.schema import Config
from tianji.lazy import load
from tianji.storage.location import data_folder

EmbedBy = Callable[[str, list[str]], Awaitable[Sequence[Sequence[float]]]]


class Caches:
    """The cache of one worker: the one in force, which a reload that changes nothing of it leaves as it is."""

    def __init__(self, answers: Revisions, counters: SharedCounters, configuration: Path, embed: EmbedBy) -> None:
        """`embed`: gives the vectors of texts, by the name of a model, to a cache that compares by meaning."""
        self._answers = answers
        self._embed = embed
        self._counters = counters
        self._configuration = configuration
        self._closing: set[asyncio.Task[None]] = set()
        self.plan: Plan | None = None
        self.cache: Cache | None = None

    def adopt(self, config: Config, environ: Mapping[str, str]) -> Cache | None:
        """Go by this configuration from now on; return the cache that requests are to meet."""
        plan = plan_of(config, environ)
        if plan != self.plan:
            if self.cache is not None and self.cache.far is not None:
                task = asyncio.get_event_loop().create_task(self.cache.far.close())
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
            self.plan = plan
            self.cache = None if plan is None else self._built(plan, environ)
        return self.cache

    def keeps(self, operation: str) -> bool:
        """Whether answers of an operation may be kept."""
        return self.cache is not None and operation in self.cache.kinds

    async def forget(self, keys: list[str]) -> None:
        """Forget answers, in all workers and wherever else they are kept."""
        if self.cache is not None and self.cache.far is not None:
            await self.cache.far.place.delete(keys)
        for key in keys:
            self._answers.publish(tag_of(key))

    async def clear(self) -> None:
        """Forget all answers."""
        if self.cache is not None and self.cache.far is not None:
            await self.cache.far.place.clear()
        self._answers.publish(EVERYTHING)

    async def close(self) -> None:
        """Let go of what is kept elsewhere."""
        if self.cache is not None and self.cache.far is not None:
            await self.cache.far.close()

    def _built(self, plan: Plan, environ: Mapping[str, str]) -> Cache:
        folder = data_folder(environ, self._configuration) / "cache"
        building = load("tianji.cache.building")
        around = building.Surroundings(environ, folder, self._answers, self._counters, self._embed)
        cache: Cache = building.build(plan, around)
        return cache
