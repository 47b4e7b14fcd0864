"""Runs of assistants are paid for by whoever began them, once somebody hears that they are over.

https://platform.openai.com/docs/api-reference/runs/object: a run says its `usage` when it has ended.
"""

import time
from datetime import UTC, datetime
from typing import Any, Final

from tianji._core.edges.exchange import Exchange
from tianji._core.streams.usage import TIERS_BY_NUMBER
from tianji.auth.identity import Identity
from tianji.auth.owners import owner_of
from tianji.lazy import load
from tianji.objects.billing import Bill, rates_of, usage_of
from tianji.objects.desk import Desk
from tianji.objects.kinds import RUN
from tianji.objects.places import Place

_TABLE: Final = "tianji.storage.objects"
_STANDARD: Final = TIERS_BY_NUMBER.index("standard")
Json = dict[str, Any]


class Runs:
    """The runs that one answer, or stream of answers, tells of. begins: the first of them was begun by the caller."""

    def __init__(self, desk: Desk, exchange: Exchange, caller: Identity, *, begins: bool) -> None:
        self._desk = desk
        self._exchange = exchange
        self._caller = caller
        self._begins = begins
        self._seen: dict[str, Json] = {}

    def see(self, answer: Any) -> None:
        """Note the runs that an answer tells of: itself, or those that it lists."""
        if not isinstance(answer, dict):
            return
        if answer.get("object") in RUN.objects and isinstance(answer.get("id"), str):
            self._seen[answer["id"]] = answer
        elif answer.get("object") == "list" and isinstance(answer.get("data"), list):
            for one in answer["data"]:
                self.see(one)

    async def pay(self, place: Place) -> None:
        """Note who pays for a run that was begun, and have those paid for that are over. Raises StoreUnavailable.

        place: where they all lie
        """
        for name, run in self._seen.items():
            if self._begins:
                await self._note(name)
                self._begins = False
            if run.get("status") in (RUN.ends or ()) and run.get("usage"):
                await self._settle(name, run, place)

    async def _note(self, name: str) -> None:
        kept = load(_TABLE).Kept(
            id=name,
            kind=RUN.name,
            owner=owner_of(self._caller).hex(),
            created_at=datetime.fromtimestamp(self._desk.clock.now(), UTC),
            body="{}",
            payer=self._desk.billing.payer(self._exchange, self._caller),
        )
        await load(_TABLE).keep(await self._desk.store.open(), kept)

    async def _settle(self, name: str, run: Json, place: Place) -> None:
        async def reckon() -> list[tuple[Place, Bill]]:
            bill = Bill(_STANDARD, "arun_thread")
            usage, model = usage_of(run)
            if usage is not None:
                bill.add(usage, rates_of(place, model), int(time.time()), model)
            return [(place, bill)]

        await self._desk.settle(self._exchange, name, reckon)
