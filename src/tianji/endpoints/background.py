"""Responses that are made in the background (https://platform.openai.com/docs/guides/background).

Whoever makes one says every few seconds that he still does; so it is found out when he was killed, and he finds out
when nobody wants the response any more, on whichever machine that was said.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from tianji._core.requests.silent import SilentExchange
from tianji.clock import Clock
from tianji.errors import StoreUnavailable
from tianji.lazy import load
from tianji.storage.store import Store

BEAT: Final = 2.0  # seconds between two words of a maker
SILENCE: Final = timedelta(seconds=60)  # after which he is believed to be gone
_STOPPED: Final = "The gateway that made it was stopped; ask for it again."
_TABLE: Final = "tianji.storage.responses"

log = logging.getLogger(__name__)
Json = dict[str, Any]
Begin = Callable[[Coroutine[Any, Any, None]], None]


class Background:
    """The responses that this worker makes. `begin` runs something by itself."""

    def __init__(self, store: Store, begin: Begin, clock: Clock) -> None:
        self._store = store
        self._begin = begin
        self._clock = clock
        self._running: dict[str, tuple[Any, SilentExchange]] = {}
        self._beating = False

    def start(self, kept: Any, exchange: SilentExchange) -> None:
        """Note that the response which is `kept` is being made by `exchange`, whose listener is `listener`."""
        self._running[kept.id] = (kept, exchange)
        if not self._beating:
            self._beating = True
            self._store.last_words.add(self.give_up)
            self._begin(self._beat())

    def listener(self, kept: Any) -> Callable[[int, list[Any], bytes], None]:
        """Return what takes the answer of a request that makes the response which is `kept`."""

        def take(status: int, _headers: list[Any], body: bytes) -> None:
            self._running.pop(kept.id, None)
            self._begin(self._end(kept.id, ended(msgspec.json.decode(kept.response), status, body)))

        return take

    async def cancel(self, response_id: str, response: Json) -> None:
        """End a response, here or wherever it is made. Raises StoreUnavailable."""
        await load(_TABLE).end(await self._store.open(), response_id, msgspec.json.encode(response).decode())
        self._leave(response_id)

    async def give_up(self) -> None:
        """Say of all that is being made here that it has failed: this process ends. Raises StoreUnavailable."""
        for kept, _ in list(self._running.values()):
            response = failed(msgspec.json.decode(kept.response), "server_error", _STOPPED)
            await self.cancel(kept.id, response)

    async def looked_after(self, kept: Any) -> Any:
        """Return what is kept; a response whose maker is silent has failed. Raises StoreUnavailable."""
        if not kept.running or self._now() - kept.seen_at < SILENCE:
            return kept
        response = failed(msgspec.json.decode(kept.response), "server_error", "The process that made it has ended.")
        text = msgspec.json.encode(response).decode()
        await load(_TABLE).end(await self._store.open(), kept.id, text)
        return msgspec.structs.replace(kept, running=False, response=text)

    async def _end(self, response_id: str, response: Json) -> None:
        try:
            await load(_TABLE).end(await self._store.open(), response_id, msgspec.json.encode(response).decode())
        except StoreUnavailable as error:
            log.warning("how a response ended was not stored: %s", error)

    async def _beat(self) -> None:
        while self._running:
            await asyncio.sleep(BEAT)
            mine = list(self._running)
            try:
                wanted = await load(_TABLE).still_wanted(await self._store.open(), mine, self._now())
            except StoreUnavailable:
                continue
            for response_id in mine:
                if response_id not in wanted:
                    self._leave(response_id)
        self._beating = False
        self._store.last_words.discard(self.give_up)

    def _leave(self, response_id: str) -> None:
        found = self._running.pop(response_id, None)
        if found is not None:
            found[1].leave()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)


def ended(begun: Json, status: int, body: bytes) -> Json:
    """Return the response that was begun, as it ended. `status`: of the answer, 0 where it was cut off."""
    try:
        answer = msgspec.json.decode(body)
    except msgspec.DecodeError:
        answer = None
    if not isinstance(answer, dict):
        return failed(begun, "server_error", "The answer was cut off.")
    if status == 200:
        kept = ("id", "background", "created_at", "previous_response_id")
        return answer | {name: begun[name] for name in kept}
    error = answer.get("error")
    error = error if isinstance(error, dict) else {}
    return failed(begun, str(error.get("code") or "server_error"), str(error.get("message") or f"status {status}"))


def failed(begun: Json, code: str, message: str) -> Json:
    """Return the response as one that failed."""
    return begun | {"status": "failed", "error": {"code": code, "message": message}}
