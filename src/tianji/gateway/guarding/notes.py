"""The ledger's entries of a request that is watched: they wait until it is known what guardrails did."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from tianji.guardrails.records import information
from tianji.guardrails.running import Outcome
from tianji.ledger.entry import PAYLOAD

Keep = Callable[[list[Any]], object]
Retold = Callable[[bytes], bytes]


class Notes:
    """Holds them. `retold`: an answer as the ledger keeps it."""

    def __init__(self, outcomes: Iterable[Outcome], retold: Retold) -> None:
        self._outcomes = outcomes
        self._retold = retold
        self._entries: list[tuple[list[Any], Keep]] = []
        self._told: bytes | None = None
        self._closed = False

    def note(self, entry: list[Any], keep: Keep) -> None:
        """Take an entry."""
        if self._closed:
            keep(self._noted(entry))
        else:
            self._entries.append((entry, keep))

    def close(self, told: bytes | None) -> None:
        """Hand on what there is. `told`: the answer that went out, where that is not the one that came."""
        self._closed, self._told = True, told
        entries, self._entries = self._entries, []
        for entry, keep in entries:
            keep(self._noted(entry))

    def _noted(self, entry: list[Any]) -> list[Any]:
        payload = entry[PAYLOAD]
        if payload is not None and self._told is not None:
            messages, _, request, quiet = payload
            entry[PAYLOAD] = (messages, self._retold(self._told), request, quiet)
        return [*entry, msgspec.json.encode([information(outcome) for outcome in self._outcomes])]
