"""What sources said, for as long as it holds: each prompt is asked for once, whoever waits for it."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from tianji.errors import ObjectNotFound, TianjiError
from tianji.prompts.naming import Wanted
from tianji.prompts.source import Source
from tianji.prompts.template import Template

MOST: Final = 1024  # prompts
MISSING: Final = 10.0  # seconds for which a prompt that there is not is not asked for again
PATIENCE: Final = 10.0  # seconds after which a source that failed is asked again for what is kept

log: Final = logging.getLogger("tianji.prompts")
_Key = tuple[str, Wanted]


class _Kept(Struct):
    said: Template | ObjectNotFound
    until: float
    asking: "asyncio.Task[None] | None" = None


class Shelf:
    """The prompts of one configuration in one worker. `now`: monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._asked: dict[_Key, asyncio.Task[Template]] = {}

    async def find(self, name: str, source: Source, wanted: Wanted) -> Template:
        """Return a prompt: what is kept, which is asked for anew beside the request where it is old.

        name: what stands for the source, its credentials included. Raises ObjectNotFound and UpstreamFailure.
        """
        key = name, wanted
        kept = self._kept.get(key)
        if kept is None or (isinstance(kept.said, ObjectNotFound) and kept.until <= self._now()):
            return await self._ask(key, source)
        self._kept.move_to_end(key)
        if isinstance(kept.said, ObjectNotFound):
            raise ObjectNotFound(kept.said.message)
        if kept.until <= self._now() and kept.asking is None:
            kept.asking = asyncio.get_running_loop().create_task(self._renew(key, source, kept))
        return kept.said

    async def _ask(self, key: _Key, source: Source) -> Template:
        """Ask the source; all who want the same wait for one answer, and who leaves ends it for nobody else."""
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.get_running_loop().create_task(self._fetch(key, source))
            task.add_done_callback(lambda done: self._over(key, done))
        return await asyncio.shield(task)

    def _over(self, key: _Key, task: "asyncio.Task[Template]") -> None:
        self._asked.pop(key, None)
        if not task.cancelled():
            task.exception()  # somebody has it, or everybody has left

    async def _fetch(self, key: _Key, source: Source) -> Template:
        try:
            said = await source.fetch(key[1])
        except ObjectNotFound as error:
            self._keep(key, _Kept(error, self._now() + MISSING))
            raise
        self._keep(key, _Kept(said, self._now() + source.fresh))
        return said

    async def _renew(self, key: _Key, source: Source, kept: _Kept) -> None:
        try:
            await self._fetch(key, source)
        except ObjectNotFound:
            return
        except TianjiError as error:
            log.warning("the prompt %s stays as it was: %s", key[1].id, error.message)
            kept.until = self._now() + PATIENCE
            kept.asking = None

    def _keep(self, key: _Key, kept: _Kept) -> None:
        self._kept[key] = kept
        self._kept.move_to_end(key)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
