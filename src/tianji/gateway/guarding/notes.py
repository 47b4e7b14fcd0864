"""The ledger's entries of a request that is watched: they wait until it is known what guardrails did."""

from collections.abc import Callable
from typing import Any

import msgspec

from tianji.gateway.bookkeeping import Bookkeeping
from tianji.gateway.guarding.judging import Judging
from tianji.gateway.guarding.logged import Backlog, censored
from tianji.gateway.guarding.request import Request
from tianji.guardrails.records import information
from tianji.guardrails.vendor import Hook
from tianji.ledger.awaited import Place
from tianji.ledger.entry import GUARDRAILS, PAYLOAD

Keep = Callable[[list[Any]], object]


class Notes:
    """Holds them. `books`: where they wait, and how they keep an answer."""

    def __init__(self, request: Request, judging: Judging, books: Bookkeeping, backlog: Backlog) -> None:
        self._request = request
        self._judging = judging
        self._books = books
        self._backlog = backlog
        self._entries: list[tuple[list[Any], Keep, Place | None]] = []
        self._told: bytes | None = None
        self._closed = False

    def note(self, entry: list[Any], keep: Keep) -> None:
        """Take an entry."""
        if self._closed:
            self._hand_on(entry, keep, None)
        else:
            self._entries.append((entry, keep, self._books.hold(entry)))

    def close(self, told: bytes | None) -> None:
        """Hand on what there is. `told`: the answer that went out, where that is not the one that came."""
        self._closed, self._told = True, told
        entries, self._entries = self._entries, []
        for entry, keep, place in entries:
            self._hand_on(entry, keep, place)

    def _hand_on(self, entry: list[Any], keep: Keep, place: Place | None) -> None:
        payload = entry[PAYLOAD]
        if payload is not None and self._told is not None:
            payload = entry[PAYLOAD] = (payload[0], self._books.retold(self._told), *payload[2:])
        if payload is None or not self._request.plan.meets(Hook.LOGGING_ONLY):
            self._kept(entry, keep, place)
            return
        bare = [*entry]
        bare[PAYLOAD] = (b"", b"", b"", *payload[3:])
        self._backlog.begin(self._censored(entry, keep, place), lambda: self._kept(bare, keep, place))

    async def _censored(self, entry: list[Any], keep: Keep, place: Place | None) -> None:
        entry[PAYLOAD] = await censored(entry[PAYLOAD], self._request, self._judging)
        self._kept(entry, keep, place)

    def _kept(self, entry: list[Any], keep: Keep, place: Place | None) -> None:
        keep(self._noted(entry))
        self._books.release(place)

    def _noted(self, entry: list[Any]) -> list[Any]:
        runs = msgspec.json.encode([information(outcome) for outcome in self._judging.outcomes])
        return [*entry[:GUARDRAILS], runs, *entry[GUARDRAILS + 1 :]]
