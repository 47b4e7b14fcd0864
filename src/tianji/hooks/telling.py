"""Tells loggers of the operator's own of calls that have ended, in a thread apart from whoever hands them on."""

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from tianji.errors import NoDeployment
from tianji.hooks.apart import apart
from tianji.hooks.calling import place, spoken
from tianji.hooks.events import Told, told
from tianji.hooks.roles import LOG_HOOKS, is_function, methods

REMEMBERED: Final = 1000  # requests of which an attempt has failed
PATIENCE: Final = 20.0  # seconds that a logger has for one event, as LiteLLM's have
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
Payloads = Iterable[tuple[Mapping[str, Any], bool]]
"""What callbacks hear of calls, as JSON has it, each with whether it failed."""

log = logging.getLogger("tianji.hooks")


class Fallen(Struct, frozen=True):
    """A request of which an attempt has failed: the group that did, why, and how many groups had failed before it."""

    group: str
    why: Exception
    depth: int = 0


class Telling:
    """Tells one logger.

    folder: of the configuration; groups: model groups by the ids of their deployments; patience: seconds for one event
    infos: what the configuration says of deployments, `model_info`, by their ids
    """

    def __init__(
        self,
        dotted: str,
        target: Any,
        folder: Path,
        groups: Mapping[str, str],
        patience: float = PATIENCE,
        infos: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> None:
        self._dotted = dotted
        self._groups = groups
        self._infos = infos
        self._single = {group for group, count in Counter(groups.values()).items() if count == 1}
        self._fallen: OrderedDict[str, Fallen] = OrderedDict()
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
            owned = getattr(self._target, "_callback_failures", 0)
            well = await self._in_time(
                self._event(told(payload, failed=failed, model_info=self._infos.get(payload["model_id"], _NOTHING)))
            )
            missed += not well or getattr(self._target, "_callback_failures", 0) != owned
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
            await spoken(self._target, kwargs, about.response_obj, about.start_time, about.end_time)
            return
        known = dict(kwargs)  # whatever its own code does to what it is given
        await self._first(("async_log_pre_api_call", "log_pre_api_call"), kwargs["model"], kwargs["messages"], kwargs)
        await self._first(("log_post_api_call",), kwargs, about.response_obj, about.start_time, about.end_time)
        masked = await self._first(
            ("async_logging_hook", "logging_hook"), kwargs, about.response_obj, kwargs["call_type"]
        )
        if isinstance(masked, tuple):
            about = replace(about, kwargs=masked[0], response_obj=masked[1])
        kind = "failure" if known["exception"] is not None else "success"
        names = f"async_log_{kind}_event", f"log_{kind}_event"
        await self._first(names, about.kwargs, about.response_obj, about.start_time, about.end_time)
        await self._attempt(known, about)

    async def _attempt(self, kwargs: Mapping[str, Any], about: Told) -> None:
        """Tell what became of a deployment, and of a group that stood in for another one. `kwargs`: as they were."""
        call, why = kwargs["litellm_call_id"], kwargs["exception"]
        served = kwargs["litellm_params"]["metadata"]
        group = self._groups.get(served["model_info"]["id"], served["model_group"])
        before = self._fallen.pop(call, None)
        stands_in = before is not None and before.group != group
        depth = 0 if before is None else before.depth + stands_in
        given: tuple[Any, ...] = (about.response_obj, kwargs["call_type"])
        if why is not None:
            given = (why, kwargs["call_type"], depth or None)
            self._fallen[call] = Fallen(group, why, depth)
            if len(self._fallen) > REMEMBERED:
                self._fallen.popitem(last=False)
            if why.status_code == 429 and self._is_nobody_left(kwargs, group):
                await self._first(("log_model_group_rate_limit_error",), why, group, about.kwargs)
        word = "success" if why is None else "failure"
        await self._first((f"async_post_call_{word}_deployment_hook",), about.kwargs, *given)
        if before is not None and stands_in:
            await self._first((f"log_{word}_fallback_event",), before.group, about.kwargs, before.why)

    def _is_nobody_left(self, kwargs: Mapping[str, Any], group: str) -> bool:
        """Whether a limit was in the way of a whole group: of all its deployments, or of its only one."""
        about = kwargs["standard_logging_object"].get("error_information") or {}
        served = kwargs["litellm_params"]["metadata"]["model_info"]["id"]
        return group in self._single if served else about.get("error_class") == NoDeployment.__name__

    async def _first(self, names: tuple[str, ...], *given: Any) -> Any:
        """Call the first of these methods that the logger has, and return what it returns; None where it has none."""
        hook = next((self._methods[name] for name in names if name in self._methods), None)
        return None if hook is None else await spoken(hook, *given)
