"""Watches in the process of the ledger: it hears every entry, looks at shared memory and the database, and alerts.

No request waits for any of it. Of several gateways that share a data folder one watches.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from tianji._core.journal.sheet import Sheet
from tianji._core.routing.health import HealthTable
from tianji._core.sharing.shm import SharedCounters
from tianji.alerts.alert import Alert
from tianji.alerts.claims import Claims
from tianji.alerts.facts import Deployment, Fallbacks, deployments_of
from tianji.alerts.keeping import Kept
from tianji.alerts.office import Office
from tianji.alerts.post import Sending
from tianji.alerts.rounds import Rounds
from tianji.alerts.rules import limits, requests
from tianji.alerts.rules.hanging import Hanging
from tianji.alerts.rules.outages import Outages
from tianji.alerts.rules.paging import Paging
from tianji.alerts.rules.secrets import SERIES, Reads
from tianji.alerts.settings import Settings, settings_of
from tianji.alerts.transports.mail import SERVICES, Mailer, mailer_of
from tianji.clock import SYSTEM, Clock
from tianji.config.loader import Loaded
from tianji.config.schema.alerting import AlertingArgs
from tianji.ledger.entry import Entry, decoded
from tianji.ledger.follower import Follower
from tianji.ledger.reading import Batch
from tianji.storage import valkey
from tianji.storage.store import Store

FILE: Final = "alerts"
TICK: Final = 1.0  # seconds
PATIENCE: Final = 4.0  # seconds for what is left at the end
STORE_TIMEOUT: Final = 1.0  # seconds

log = logging.getLogger(__name__)


class Signs(Struct, frozen=True):
    """What is looked at beside the journals and the database.

    fault: why the journals are not taken into the database at the moment; None while they are
    bills: what there is to tell of bills of providers
    """

    health: HealthTable
    counters: SharedCounters
    fault: Callable[[], str | None]
    bills: Callable[[], list[Alert]] = list


class Watching:
    """Alerts as a configuration wants it; nothing is done where it names no channel."""

    whole = False

    def __init__(
        self,
        folder: Path,
        loaded: Loaded,
        store: Store,
        signs: Signs,
        post: Sending,
        *,
        clock: Clock = SYSTEM,
    ) -> None:
        """`folder`: of the journals; `post`: makes HTTP requests."""
        self._clock = clock
        self._post = post
        self._health = health = signs.health
        self._follower = Follower(folder, FILE, self)
        self._claims = Claims(clock.now)
        self._office: Office | None = None
        self._settings: Settings | None = None
        self._server: valkey.Server | None = None
        self._rounds = Rounds(store, signs.fault, clock)
        self._hanging, self._stuck = (Hanging(lambda name: health.health(name).in_flight) for _ in range(2))
        self._outages = (
            (Outages("outage_alerts", 1), _of_deployment),
            (Outages("outage_alerts", 2), _of_provider),
            (Outages("region_outage_alerts", 2), _of_region),
        )
        self._paging = Paging()
        self._reads = Reads(lambda outcome: signs.counters.value(signs.counters.slot(SERIES.format(outcome))))
        self._fallbacks = Fallbacks()
        self._bills = signs.bills
        self._rests: dict[str, float] = {}
        self._found: list[Alert] = []
        self._ticking: asyncio.Task[None] | None = None
        self.adopt(loaded)

    def adopt(self, loaded: Loaded) -> None:
        """Go by another configuration from now on."""
        settings = self._settings = settings_of(loaded.config, loaded.environment, loaded.lent)
        self._post.adopt(loaded.config)
        self._deployments = deployments_of(loaded.config)
        self._manager = loaded.config.general_settings.key_management_system
        if settings is None:
            return
        mailer = _mailer(loaded) if "email" in settings.channels else None
        if self._office is None:
            self._office = Office(settings, self._claims, self._post, mailer, self._clock.now)
            self._ticking = asyncio.get_running_loop().create_task(self._run())
        self._office.adopt(settings, mailer)
        self._rounds.adopt(settings, loaded)
        server = valkey.server_of(loaded.config, loaded.environment)
        if server != self._server:
            self._server = server
            self._claims.share(None if server is None else valkey.connect(server, timeout=STORE_TIMEOUT))

    def undelivered(self) -> dict[str, int]:
        """Return how many alerts did not arrive, by channel."""
        return {} if self._office is None else self._office.undelivered()

    # -- what the follower needs ----------------------------------------------------------------------------------

    def take(self, sheet: Sheet) -> None:
        """Take in entries."""
        settings = self._settings
        if settings is None:
            return
        entries = [decoded(body) for body in sheet.bodies]
        self._hanging.hear(entries)
        self._stuck.hear(entries)
        for entry in entries:
            self._found += requests.hear(entry, settings.threshold, settings.wording)
            if entry.end_user and entry.cost and "webhook" in settings.channels:
                self._found.append(requests.tracked(entry))
            if "pagerduty" in settings.channels:
                self._found += self._paging.hear(entry, self._clock.now(), settings.args)
            if settings.share is not None:
                self._found += limits.hear(entry, settings.share, self._deployments.get(entry.deployment_id))
            self._hear_outages(entry, settings)
            self._rounds.hear(entry)
            fallback = self._fallbacks.hear(entry, self._deployments)
            if fallback is not None:
                self._rounds.day.fell_back(*fallback)

    def _hear_outages(self, entry: Entry, settings: Settings) -> None:
        known = self._deployments.get(entry.deployment_id)
        if not entry.deployment_id:
            return
        args = settings.args
        sizes = (args.minor_outage_alert_threshold, args.major_outage_alert_threshold, args.max_outage_alert_list_size)
        for outages, name_of in self._outages:
            name = name_of(entry, known)
            ttl = args.region_outage_alert_ttl if name_of is _of_region else args.outage_alert_ttl
            if name is not None:
                self._found += outages.hear(entry, name, self._clock.now(), sizes, ttl)

    def kept(self) -> bytes:
        """Return what the next process is to know."""
        collected = {} if self._office is None else self._office.collected
        kept = Kept(self._claims.ends, self._rounds.day, self._rounds.marks, collected)
        return msgspec.msgpack.encode(kept)

    def recall(self, data: bytes) -> None:
        """Go on from there."""
        kept = msgspec.msgpack.decode(data, type=Kept)
        self._claims.ends = kept.claims
        self._rounds.day, self._rounds.marks = kept.day, kept.marks
        if self._office is not None:
            self._office.collected = kept.collected

    # -- what the drain calls -------------------------------------------------------------------------------------

    async def hear(self, file: Path, start: int, batch: Batch) -> None:
        """Take in what was read of a journal."""
        if self._settings is not None:
            await self._follower.follow(self._follower.hear(file, start, batch))

    async def round(self, files: Sequence[Path]) -> None:
        """Take in what the journals hold."""
        if self._settings is not None:
            await self._follower.follow(self._follower.round(files))

    async def finished(self, file: Path, position: int) -> bool:
        """Whether a journal of which `position` is the end may be removed."""
        return self._settings is None or await self._follower.lets_go(file, position)

    async def close(self) -> None:
        """Tell what is left, and keep what the next process is to know."""
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait({self._ticking})
        if self._office is not None:
            await self._tell()
            await self._office.close(PATIENCE)
        await self._claims.close()
        await self._follower.close()

    # -- the clock ------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            try:
                await self.tick()
            except Exception:  # boundary: another part of the process
                log.exception("alerts could not be told, and are tried again")

    async def tick(self) -> None:
        """Look at everything, and tell what was found."""
        settings = self._settings
        if settings is None or self._office is None:
            return
        await self._follower.round([])
        if not self._follower.leads:
            return
        titles = {name: one.title for name, one in self._deployments.items()}
        self._found += self._hanging.look(self._clock.now(), settings.threshold, titles)
        if "pagerduty" in settings.channels:
            self._found += self._hung(settings.args, titles)
        self._found += [*self._cooled(), *self._bills()]
        if self._manager:
            self._found += self._reads.look(self._manager)
        looked = await self._rounds.look()  # what was found before may be told while this is waited for
        self._found += looked
        await self._tell()
        self._office.flush()

    def _hung(self, args: AlertingArgs, titles: Mapping[str, str]) -> Iterator[Alert]:
        """Yield why somebody is called out for what hangs."""
        now = self._clock.now()
        for name, count in self._stuck.found(now, args.hanging_threshold_seconds, titles):
            yield from self._paging.hung(titles[name], count, now, args)

    async def _tell(self) -> None:
        found, self._found = self._found, []
        if self._office is not None:
            for alert in found:
                await self._office.take(alert)

    def _cooled(self) -> list[Alert]:
        """Return what there is to tell of deployments that have begun to rest."""
        now = self._clock.monotonic()
        found: list[Alert] = []
        for name, one in self._deployments.items():
            rest = self._health.health(name).cooled_for(now)
            if rest and now + rest > self._rests.get(name, now) + TICK:
                found.append(
                    Alert(kind="cooldown_deployment", text=f"{one.title} is left out for {rest:.0f} s", alike=name)
                )
            self._rests[name] = now + rest
        return found


def _mailer(loaded: Loaded) -> Mailer | None:
    named = [name for name in loaded.config.litellm_settings.callbacks if name in SERVICES]
    try:
        return mailer_of(loaded.environment, named or SERVICES)
    except ValueError as error:
        log.error("nobody is alerted by mail: SMTP_PORT or SMTP_TIMEOUT is no number: %s", error)
        return None


def _of_deployment(entry: Entry, known: Deployment | None) -> str | None:
    return requests.who(entry) if known is None else known.title


def _of_provider(entry: Entry, _known: Deployment | None) -> str | None:
    return f"provider {entry.provider}"


def _of_region(entry: Entry, known: Deployment | None) -> str | None:
    return None if known is None or known.region is None else f"region {entry.provider} {known.region}"
