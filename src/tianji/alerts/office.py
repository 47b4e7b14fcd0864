"""Sends alerts: to each channel what it takes, together what is alike, later what is collected."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from msgspec import Struct

from tianji.alerts.alert import Alert
from tianji.alerts.claims import Claims
from tianji.alerts.post import Box, Mailing, Sending
from tianji.alerts.settings import Settings
from tianji.alerts.transports import chat, events, pager
from tianji.alerts.transports.mail import Letter, Mailer, Smtp

CHATS: Final = ("slack", "ms_teams", "discord")

Name = TypeVar("Name")
log = logging.getLogger(__name__)


class Heap(Struct):
    """Alerts that are alike: the first of them, how many, and when they came, seconds since 1970."""

    first: Alert
    count: int
    since: float
    until: float


class Office:
    """Takes alerts and sends them. `now`: seconds since 1970."""

    def __init__(
        self, settings: Settings, claims: Claims, sending: Sending, mailer: Mailer | None, now: Callable[[], float]
    ) -> None:
        self._sending = sending
        self._now = now
        self._claims = claims
        self._boxes: dict[str, Box] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._fresh: dict[tuple[str, ...], Heap] = {}
        self.collected: dict[str, Heap] = {}
        self.adopt(settings, mailer)

    def adopt(self, settings: Settings, mailer: Mailer | None) -> None:
        """Go by other settings from now on."""
        self._settings = settings
        self._mailer = mailer

    async def take(self, alert: Alert) -> None:
        """Tell of something, unless nobody wants to hear of it or somebody has told it."""
        if alert.kind not in self._settings.types:
            return
        if alert.key and not await self._claims.take(alert.key, alert.ttl):
            return
        digest = self._settings.digests.get(alert.kind)
        if digest is not None:
            _pile(self.collected, f"{alert.kind}:{alert.alike}", alert, self._now())
        else:
            _pile(
                self._fresh, (alert.kind, alert.alike or alert.key or alert.text, alert.level or ""), alert, self._now()
            )

    def flush(self) -> None:
        """Hand on what came since the last time, and what was collected for long enough."""
        now = self._now()
        heaps, self._fresh = self._fresh, {}
        for heap in heaps.values():
            self._post(heap.first, heap.count)
        for name, heap in list(self.collected.items()):
            digest = self._settings.digests.get(heap.first.kind)
            if digest is None or now - heap.since >= digest.digest_interval:
                del self.collected[name]
                self._post(_digest(heap), 1)

    def _post(self, alert: Alert, count: int) -> None:
        settings = self._settings
        if alert.page is not None:
            told = None if settings.pager is None else pager.delivery(settings.pager, alert, settings.base_url)
            if told is not None and "pagerduty" in settings.channels:
                self._box("pagerduty", "").put(told)
            return
        text = chat.text_of(alert, count, self._now(), settings.zone, settings.base_url)
        if settings.args.log_to_console and not alert.only:
            log.warning("%s", text)
        for channel in settings.channels:
            if alert.only not in ("", channel):
                continue
            if channel in CHATS:
                for url in settings.addresses(channel, alert.kind):
                    self._box(channel, url).put(chat.delivery(channel, url, text))
            elif channel == "webhook" and settings.webhook is not None:
                told = events.delivery(settings.webhook, alert)
                if told is not None:
                    self._box(channel, settings.webhook).put(told)
            elif channel == "email" and alert.people and self._mailer is not None:
                letter = Letter(alert.people, f"{alert.badness}: {alert.text.partition(chr(10))[0]}", text)
                parcel = Mailing(self._mailer, letter) if isinstance(self._mailer, Smtp) else self._mailer(letter)
                self._box(channel, "").put(parcel)

    def _box(self, channel: str, url: str) -> Box:
        foreign = url in self._settings.foreign
        name = f"{channel} {url} {foreign}"
        box = self._boxes.get(name)
        if box is None:
            box = self._boxes[name] = Box(channel, self._sending.send_checked if foreign else self._sending.send)
            self._tasks[name] = asyncio.get_running_loop().create_task(box.run())
        return box

    def undelivered(self) -> dict[str, int]:
        """Return how many alerts did not arrive, by channel."""
        lost: dict[str, int] = {}
        for box in self._boxes.values():
            lost[f"alerting {box.name}"] = lost.get(f"alerting {box.name}", 0) + box.lost
        return lost

    async def close(self, seconds: float) -> None:
        """Send what is left, for so many seconds at most."""
        self.flush()
        try:
            async with asyncio.timeout(seconds):
                while any(map(len, self._boxes.values())):
                    await asyncio.gather(*(box.flush() for box in self._boxes.values()))
        except TimeoutError:
            log.error("%d alerts were not delivered before the end", sum(map(len, self._boxes.values())))
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def _pile(heaps: dict[Name, Heap], name: Name, alert: Alert, now: float) -> None:
    heap = heaps.get(name)
    if heap is None:
        heaps[name] = Heap(alert, 1, now, now)
    else:
        heap.count, heap.until = heap.count + 1, now


def _digest(heap: Heap) -> Alert:
    first = heap.first
    facts: Mapping[str, object] = {
        "alerts collected": heap.count,
        "seconds": round(heap.until - heap.since),
        **first.facts,
    }
    return Alert(
        kind=first.kind, text=first.text, level=first.level, facts=facts, event=first.event, people=first.people
    )
