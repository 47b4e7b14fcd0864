"""Tells whoever `batch_line_item_callbacks` names of the lines of a batch, once it is over and paid for.

It is done beside the request that heard of it. What a destination does not take is sent again for some minutes; what
is left then, and when the process ends, is lost, and the log says so.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from tianji.callbacks.hearers import LINES, Hearer, hearers
from tianji.callbacks.lines import Part
from tianji.callbacks.outlet import AGAIN
from tianji.callbacks.people import People
from tianji.callbacks.post import Post
from tianji.callbacks.sink import Delivery, Sink
from tianji.errors import TianjiError
from tianji.gateway.compiled.snapshot import Snapshot
from tianji.hooks.apart import apart
from tianji.hooks.calling import place, spoken
from tianji.ledger.entry import Entry
from tianji.objects.billing import Payer
from tianji.objects.line_parts import Files, Origin, parts

Send = Callable[[Delivery], Awaitable[int]]
Sleep = Callable[[float], Awaitable[None]]
LARGEST: Final = 16 << 20  # bytes of both sides that a part holds, where BATCH_LINE_ITEMS_MAX_PART_BYTES does not say
PATIENCE: Final = 60.0  # seconds that a logger has for a part
TRIES: Final = 9
FIRST_WAIT: Final = 1.0  # seconds between two tries, doubled each time
log = logging.getLogger(__name__)


class Lines:
    """Tells them. folder: of the configuration; people: knows what those are called whom ids name."""

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        folder: Callable[[], Path],
        people: People,
        send: Send | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._snapshot = snapshot
        self._folder = folder
        self._people = people
        self._send = send or Post().send
        self._sleep = sleep
        self._config: object = None
        self._heard: list[Hearer] = []
        self._under_way: set[asyncio.Task[None]] = set()

    def begin(self, origin: Origin, who: Payer, files: Files) -> None:
        """Tell of a batch."""
        task = asyncio.get_running_loop().create_task(self._tell_of(origin, who, files))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _tell_of(self, origin: Origin, who: Payer, files: Files) -> None:
        try:
            heard = await self._hearers()
            if not heard:
                return
            origin = msgspec.structs.replace(origin, metadata=await self._about(who))
            results = [await fetch() for fetch in files.results]
            asked = b"" if files.asked is None else await files.asked()
            most = int(self._snapshot().environ.get("BATCH_LINE_ITEMS_MAX_PART_BYTES") or LARGEST)
            found = parts(origin, asked, results, most)
            hushed = who.bare or self._snapshot().config.litellm_settings.turn_off_message_logging
            while (part := await asyncio.to_thread(next, found, None)) is not None:
                await asyncio.gather(*(self._tell(one, part, hushed) for one in heard))
        except TianjiError as error:
            log.error("nobody is told of the lines of the batch %s: %s", origin.batch_id, error.message)
        except Exception:  # boundary: nothing waits for it
            log.exception("nobody is told of the lines of the batch %s", origin.batch_id)

    async def _about(self, who: Payer) -> Mapping[str, str | None]:
        """Return what lines say of whoever had the batch made, by the names that events have."""
        known = Entry(
            request_id="", call_id="", started_at=0, ended_at=0, team_id=who.team_id, user_id=who.user_id,
            organization_id=who.organization_id, project_id=who.project_id,
        )  # fmt: skip
        await self._people.meet([known])
        return {
            "user_api_key_hash": who.key,
            "user_api_key_alias": who.key_alias,
            "user_api_key_team_id": who.team_id,
            "user_api_key_team_alias": self._people.called(known).team,
            "user_api_key_user_id": who.user_id,
            "user_api_key_org_id": who.organization_id,
        }

    async def _hearers(self) -> list[Hearer]:
        """Return whom the configuration in force names."""
        snapshot = self._snapshot()
        if snapshot.config is not self._config:
            self._heard, problems = await asyncio.to_thread(
                hearers, LINES, snapshot.config, snapshot.environ, self._folder()
            )
            self._config = snapshot.config
            for problem in problems:
                log.error("%s", problem)
        return self._heard

    async def _tell(self, hearer: Hearer, part: Part, hushed: bool) -> None:
        """Tell one of a part. What it fails on is logged, and stops nobody else."""
        try:
            if hearer.sink is None:
                await self._call(hearer, part.bare if hushed or hearer.bare else part)
            else:
                await self._post(hearer.sink, part.bare if hushed or hearer.sink.bare else part)
        except (Exception, SystemExit) as error:  # boundary: somebody else's code, and destinations
            log.exception(
                "callback %s was not told of part %d of the batch %s: it failed at %s",
                hearer.name, part.part, part.batch_id, place(error, self._folder()),
            )  # fmt: skip

    async def _call(self, hearer: Hearer, part: Part) -> None:
        hook: Any = hearer.hook
        # an upstream may write numbers without bounds, which the standard library alone reads
        told = await asyncio.to_thread(lambda: json.loads(msgspec.json.encode(part)))
        async with asyncio.timeout(PATIENCE):
            await asyncio.wrap_future(apart().begin(spoken(hook, told)))

    async def _post(self, sink: Sink, part: Part) -> None:
        """Have a part arrive. Raises OSError where it does not."""
        if sink.lined is None:
            raise TypeError("a destination of lines takes lines")
        for request in await asyncio.to_thread(lambda lined: list(lined(part)), sink.lined):
            await self._arrive(sink, request)

    async def _arrive(self, sink: Sink, request: Delivery) -> None:
        fault = ""
        for number in range(TRIES):
            if number:
                await self._sleep(FIRST_WAIT * 2 ** (number - 1))
            try:
                status = await self._send(request if sink.complete is None else await sink.complete(request))
            except (OSError, TianjiError) as error:
                fault = str(error) or type(error).__name__
                continue
            if request.accepts(status):
                return
            fault = f"status {status}"
            if status < 500 and status not in AGAIN:
                break
        raise OSError(fault)
