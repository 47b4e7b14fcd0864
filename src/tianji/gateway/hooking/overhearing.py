"""Loggers that hear of each piece of a stream: in their order, in a thread apart, and the stream waits for nobody."""

import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Any, Final

from tianji._core.requests.asked import Asked
from tianji.config.schema import Config
from tianji.gateway.admission.telling import Tellings
from tianji.gateway.hooking.case import Case
from tianji.gateway.hooking.registered import Method
from tianji.hooks.apart import apart
from tianji.hooks.calling import spoken

HEARS: Final = ("async_log_stream_event", "log_stream_event")
MOST: Final = 1000  # pieces that wait for one stream's loggers; the oldest go

Of = Callable[[str], tuple[Method, ...]]
log = logging.getLogger("tianji.hooks")


class Overhearing:
    """The loggers of one stream."""

    def __init__(self, hooks: tuple[Method, ...], kwargs: dict[str, Any]) -> None:
        self._hooks = hooks
        self._kwargs = kwargs
        self._began = datetime.now()  # noqa: DTZ005 - as loggers know it from LiteLLM
        self._lock = Lock()
        self._waiting: deque[tuple[Any, datetime]] = deque(maxlen=MOST)
        self._telling = False

    def hear(self, piece: Any) -> None:
        """Have them told of a piece."""
        with self._lock:
            self._waiting.append((piece, datetime.now()))  # noqa: DTZ005 - likewise
            begins, self._telling = not self._telling, True
        if begins:
            apart().begin(self._tell())

    async def _tell(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._telling = False
                    return
                piece, at = self._waiting.popleft()
            for hook in self._hooks:
                try:
                    await spoken(hook.call, self._kwargs, piece, self._began, at)
                except Exception as error:  # boundary: somebody else's code  # noqa: BLE001
                    hook.complain(error)


class Listeners:
    """Who hears of the streams of a configuration."""

    def __init__(self, config: Config) -> None:
        self._tellings = Tellings(config)
        self._heeds_quiet = not config.litellm_settings.global_disable_no_log_param

    def of(self, asked: Asked, of: Of, case: Case) -> Overhearing | None:
        """Return who hears of one; None where nobody may, since what is said there is not to be logged."""
        first = of(HEARS[0])
        named = {hook.name for hook in first}
        hooks = (*first, *(hook for hook in of(HEARS[1]) if hook.name not in named))
        quiet = self._heeds_quiet and case.data.get("no-log") is True
        if not hooks or quiet:
            return None
        telling = self._tellings.heard(asked.exchange, asked.spans).telling
        if telling is not None:
            hooks = () if telling.bare else tuple(hook for hook in hooks if hook.name.lower() not in telling.muted)
        kwargs = {
            "model": case.model,
            "messages": case.data.get("messages"),
            "input": case.data.get("input"),
            "litellm_call_id": case.data["litellm_call_id"],
            "call_type": case.call_type,
            "stream": True,
            "litellm_params": {"metadata": {"user_api_key_hash": case.caller.api_key}},
        }
        return Overhearing(hooks, kwargs) if hooks else None
