"""Prefixes of requests that Google keeps (cachedContents), of one deployment: which there are, and how one is made.

A prefix is made when it comes for the second time: to make it costs a request of its own and the price of all its
tokens, and most never come again. That request waits for it, and so does whoever comes in the meantime with the same,
since it would take as long to have the model read it all; nobody waits longer than PATIENCE. Who looks for one finds
what other workers and other gateways with the same credentials have made, by its display name. What cannot be made, or
not now, is remembered; requests go without. https://ai.google.dev/api/caching
"""

import asyncio
import hashlib
import logging
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from tianji.clock import SYSTEM, Clock
from tianji.errors import Header, TianjiError
from tianji.gateway.translation.translating import Shortened
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.gemini.prefixes import Prefix, prefix_of
from tianji.providers.logins.fetching import Fetch, fetcher

PATIENCE: Final = 10.0  # seconds that a request waits for its prefix to be made
_MARGIN: Final = 60.0  # seconds before its end that a prefix is used no more
_REFUSED: Final = 3600.0  # seconds for which it is known that one cannot be made, as one that is too short
_FAILED: Final = 60.0  # seconds after a failure that may pass until the next attempt
_MOST: Final = 1024  # prefixes that are remembered
_PAGES: Final = 10
_PAGE: Final = 1000  # prefixes a page, as many as Google lists at once
_GONE: Final = re.compile(rb"cached? ?content", re.IGNORECASE)
_PATH: Final = "/cachedContents"
_OK: Final = 200
_FOR_GOOD: Final = frozenset({400, 404})  # statuses of what another attempt would not change
_UNREADABLE: Final = (msgspec.DecodeError, ValueError, LookupError, AttributeError, TypeError)
"""What reading an answer raises that is not as it should be."""
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])

log = logging.getLogger(__name__)


class Shelf(Struct, frozen=True):
    """Where prefixes are kept. path: in front of `/cachedContents`, behind `url`, which is of the host alone.

    models: what stands before the name of a model. query: what each request has; sign: what changes by request
    """

    url: str
    path: str
    models: str
    query: str
    headers: tuple[Header, ...]
    sign: Callable[[str, bytes], Iterable[Header]] | None


class _Known(Struct):
    """What is known of one prefix, until a time in seconds since 1970.

    called: what Google calls it; None: it is not there. makes: whether who comes next has it made. making: what does
    that, since a time on the monotonic clock.
    """

    until: float
    called: str | None = None
    makes: bool = True
    making: asyncio.Task[None] | None = None
    since: float = 0.0


class Prefixes:
    """Those of one deployment in one worker."""

    def __init__(self, shelf: Shelf, fetch: Fetch | None = None, clock: Clock = SYSTEM) -> None:
        self._shelf = shelf
        self._fetch = fetch or fetcher("Google's cached contents")
        self._clock = clock
        self._known: dict[str, _Known] = {}

    def shortened(self, request: Request, body: bytes, target: Target) -> Shortened:
        """Return the body of a request, without what Google keeps of it. What is waited for may be cancelled."""
        prefix = prefix_of(request, body, target)
        if prefix is None:
            return Shortened(body)
        name = hashlib.sha256(f"{target.model} {prefix.name}".encode()).hexdigest()
        known = self._met(name, prefix.life)
        if known is None:
            return Shortened(body)
        if known.called is not None:
            return Shortened(prefix.naming(known.called), lost=partial(self._lost, known))
        now = self._clock.monotonic()
        if known.making is None:
            if not known.makes:
                return Shortened(body)
            known.making, known.since = asyncio.ensure_future(self._make(name, known, prefix, target)), now
        left = known.since + PATIENCE - now
        if left <= 0:
            return Shortened(body)
        return Shortened(body, waits=asyncio.ensure_future(asyncio.wait({known.making}, timeout=left)))

    def _lost(self, known: _Known, error: bytes) -> bool:
        """Tell whether an error says that a prefix is gone, which is made again then when it comes the next time."""
        if _GONE.search(error) is None:
            return False
        known.called, known.makes = None, True
        return True

    def _met(self, name: str, life: int) -> _Known | None:
        """Return what is known of a prefix; None where it is new, which it is not the next time."""
        now, known = self._clock.now(), self._known.get(name)
        if known is not None and (known.making is not None or now < known.until):
            return known
        if known is None and len(self._known) >= _MOST:
            self._known.pop(next(iter(self._known)))  # the one that was met first
        self._known[name] = _Known(now + life)
        return self._known[name] if known is not None and known.called is not None else None

    async def _make(self, name: str, known: _Known, prefix: Prefix, target: Target) -> None:
        known.makes, known.until = False, self._clock.now() + _FAILED
        try:
            found = await self._kept_already(name) or await self._created(name, known, prefix, target)
            if found is not None:
                known.called, ends = found
                known.until = ends - min(_MARGIN, prefix.life / 4)
        except (TianjiError, *_UNREADABLE) as error:
            log.warning("a prefix of %s is not cached: %s", target.model, type(error).__name__)
        finally:
            known.making = None

    async def _kept_already(self, name: str) -> tuple[str, float] | None:
        """Return what Google calls a prefix that somebody had made, and when it ends."""
        token = ""
        for _ in range(_PAGES):
            status, body = await self._ask("GET", f"pageSize={_PAGE}" + (f"&pageToken={quote(token)}" if token else ""))
            if status != _OK:
                return None  # whoever may not list them may still have them made
            page = _OBJECT.decode(body)
            for one in page.get("cachedContents") or ():
                if one.get("displayName") == name and (ends := _seconds(one)) > self._clock.now() + _MARGIN:
                    return str(one["name"]), ends
            token = page.get("nextPageToken") or ""
            if not token:
                return None
        return None

    async def _created(self, name: str, known: _Known, prefix: Prefix, target: Target) -> tuple[str, float] | None:
        made = {"model": self._shelf.models + target.model, "displayName": name, "ttl": f"{prefix.life}s"}
        status, body = await self._ask("POST", "", msgspec.json.encode(made | prefix.kept))
        if status == _OK:
            found = _OBJECT.decode(body)
            return str(found["name"]), _seconds(found)
        if status in _FOR_GOOD:
            known.until = self._clock.now() + _REFUSED
        log.warning("a prefix of %s is not cached: Google answered %d", target.model, status)
        return None

    async def _ask(self, method: str, query: str, body: bytes = b"") -> tuple[int, bytes]:
        """Make a request. Raises UpstreamFailure where there is no answer."""
        shelf = self._shelf
        asked = "&".join(filter(None, (query, shelf.query)))
        target = f"{shelf.path}{_PATH}" + (f"?{asked}" if asked else "")
        signed = () if shelf.sign is None else shelf.sign(target, body)
        headers = {name.decode(): value.decode("latin-1") for name, value in (*shelf.headers, *signed)}
        return await self._fetch(method, shelf.url + target, headers | {"content-type": "application/json"}, body)


def _seconds(one: dict[str, Any]) -> float:
    """Return when a prefix ends. Raises ValueError where it does not say."""
    return datetime.fromisoformat(str(one.get("expireTime"))).timestamp()
