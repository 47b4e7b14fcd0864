"""Tells loggers of the operator's own of calls that have ended, in a thread apart from whoever hands them on."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from inspect import isawaitable
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from tianji.hooks.apart import apart
from tianji.hooks.calling import place
from tianji.hooks.events import Told, told
from tianji.hooks.roles import LOG_HOOKS, is_function, methods

PATIENCE: Final = 20.0  # seconds that a logger has for one event, as LiteLLM's have
Payloads = Iterable[tuple[Mapping[str, Any], bool]]
"""What callbacks hear of calls, as JSON has it, each with whether it failed."""

log = logging.getLogger("tianji.hooks")


class Telling:
    """Tells one logger. `folder`: of the configuration; `patience`: seconds for one event."""

    def __init__(self, dotted: str, target: Any, folder: Path, patience: float = PATIENCE) -> None:
        self._dotted = dotted
        self._target = target
        self._folder = folder
        self._patience = patience
        self._methods = methods(target, LOG_HOOKS)

    async def tell(self, payloads: Payloads) -> int:
        """Tell it of a batch, and return how many events it failed on."""
        return await asyncio.wrap_future(apart().begin(self._tell(payloads)))

    async def _tell(self, payloads: Payloads) -> int:
        missed = 0
        for payload, failed in payloads:
            missed += not await self._in_time(self._event(told(payload, failed=failed)))
        if "async_send_batch" in self._methods:
            await self._in_time(self._target.flush_queue())
        return missed

    async def _in_time(self, work: Awaitable[None]) -> bool:
        """Wait for one call; whether it went well."""
        try:
            async with asyncio.timeout(self._patience):
                await work
        except (Exception, SystemExit) as error:  # boundary: somebody else's code
            log.exception("callback %s failed at %s", self._dotted, place(error, self._folder))
            return False
        return True

    async def _event(self, about: Told) -> None:
        kwargs = about.kwargs
        if is_function(self._target):
            await _spoken(self._target, kwargs, about.response_obj, about.start_time, about.end_time)
            return
        await self._first(("async_log_pre_api_call", "log_pre_api_call"), kwargs["model"], kwargs["messages"], kwargs)
        await self._first(("log_post_api_call",), kwargs, about.response_obj, about.start_time, about.end_time)
        masked = await self._first(("async_logging_hook",), kwargs, about.response_obj, kwargs["call_type"])
        if isinstance(masked, tuple):
            about = replace(about, kwargs=masked[0], response_obj=masked[1])
        kind = "failure" if about.failed else "success"
        names = f"async_log_{kind}_event", f"log_{kind}_event"
        await self._first(names, about.kwargs, about.response_obj, about.start_time, about.end_time)

    async def _first(self, names: tuple[str, ...], *given: Any) -> Any:
        """Call the first of these methods that the logger has, and return what it returns; None where it has none."""
        hook = next((self._methods[name] for name in names if name in self._methods), None)
        return None if hook is None else await _spoken(hook, *given)


async def _spoken(hook: Callable[..., Any], *given: Any) -> Any:
    """Call code by position, whatever it calls its arguments, and wait for what it returns."""
    said = hook(*given)
    return await said if isawaitable(said) else said
