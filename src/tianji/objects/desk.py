"""What all requests of a worker for what upstreams keep have in common."""

import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji._core.upstreams.pool import Pool
from tianji.clock import SYSTEM
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.lazy import load
from tianji.objects.billing import Bill, Billing, Payer, Till, paying
from tianji.objects.charging import Charging
from tianji.objects.guarding import Guards
from tianji.objects.ids import Seal
from tianji.objects.kinds import Kind
from tianji.objects.places import Place, Places
from tianji.objects.relay import Relay
from tianji.objects.tally import Tally
from tianji.storage.store import Store

if TYPE_CHECKING:  # few configurations want them
    from tianji.objects.line_parts import Files, Origin
    from tianji.objects.line_telling import Lines

_TABLE: Final = "tianji.storage.objects"


class Desk:
    """What all requests of a worker share. `turn`: a number that is another one each time."""

    def __init__(
        self,
        store: Store,
        snapshot: Callable[[], Snapshot],
        salt: str | None,
        pool: Pool,
        till: Till,
        guards: Callable[[], Guards | None],
        folder: Callable[[], Path],
    ) -> None:
        """`guards`: who judges requests that come many at a time; None where nobody does.

        folder: of the configuration
        """
        self.store = store
        self.seal = Seal(salt)
        self.relay = Relay(pool)
        self.billing = Billing(self.relay, till)
        self.charging = Charging(till.admissions, store, lambda: self.places.snapshot.config.general_settings, SYSTEM)
        self.tally = Tally(till.counters)
        self.clock = SYSTEM
        self.guards = guards
        self.turn = itertools.count().__next__
        self._snapshot = snapshot
        self._folder = folder
        self._places: Places | None = None
        self._lines: Lines | None = None

    @property
    def places(self) -> Places:
        """Where objects may lie under the configuration of now."""
        snapshot = self._snapshot()
        if self._places is None or self._places.snapshot is not snapshot:
            self._places = Places(snapshot)
        return self._places

    def tell(self, origin: "Origin", who: Payer, files: "Files") -> None:
        """Have the lines of a batch that is over told if anybody wants to hear of them."""
        if not self._snapshot().config.litellm_settings.batch_line_item_callbacks:
            return
        if self._lines is None:
            people = load("tianji.callbacks.people").People(self.store)
            self._lines = load("tianji.objects.line_telling").Lines(self._snapshot, self._folder, people)
        self._lines.begin(origin, who, files)

    async def keep(self, kind: Kind, owner: bytes, answer: Mapping[str, Any], payer: str | None = None) -> None:
        """Keep an object that was made, as its owner sees it, so that he can list it. Raises StoreUnavailable.

        payer: who pays for it when it is over
        """
        table = load(_TABLE)
        kept = table.Kept(
            id=answer["id"],
            kind=kind.name,
            owner=owner.hex(),
            created_at=datetime.fromtimestamp(self.clock.now(), UTC),
            body=msgspec.json.encode(answer).decode(),
            payer=payer,
        )
        await table.keep(await self.store.open(), kept)

    async def settle(
        self, exchange: Exchange, name: str, reckon: Callable[[], Awaitable[Sequence[tuple[Place, Bill]]]]
    ) -> Payer | None:
        """Have something that is over paid for, once, by whoever had it made; return him, None where it was paid for.

        reckon: returns what it comes to, by place; what it raises is raised, and all of it is tried again the next time

        Raises StoreUnavailable.
        """
        table, database = load(_TABLE), await self.store.open()
        known = await table.find(database, name)
        if known is None or known.payer is None:
            return None
        await self.charging.over(name)
        bills = await reckon()
        who = paying(known.payer)

        def book() -> None:
            for number, (place, bill) in enumerate(bills):
                self.billing.book(exchange, place, who, f"{name}-{number}" if number else name, bill)

        if not await table.settle(database, name, book):
            return None
        for place, bill in bills:
            await self.billing.charge(exchange, place, who, bill)
        return who
