"""Mavvrik's AI cost connections (https://docs.litellm.ai/docs/observability/mavvrik): packed CSV of FOCUS, by days.

The file of a day is named after it and stands in place of the one of before. Mavvrik remembers the last day that it
has; where it is said to have less, the days after that are told again.
"""

import contextlib
import gzip
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any, Final
from urllib.parse import quote, urlencode

from tianji.callbacks.billing.export import Ask, Export, Page, taken
from tianji.callbacks.billing.focus import row
from tianji.callbacks.billing.rhythm import first_day
from tianji.callbacks.billing.stores import signed_address
from tianji.callbacks.billing.tables import csv_of
from tianji.callbacks.forms import JSON, encode
from tianji.callbacks.sink import Delivery, Given
from tianji.errors import TianjiError, UpstreamProtocolError

CHUNK: Final = 8 << 20  # bytes; the store wants multiples of 256 KiB
_FILE: Final = {"content-type": "application/gzip"}
_BEGUN: Final = frozenset({200, 201})
_MORE: Final = frozenset({308})
_ANY: Final = frozenset(range(100, 600))


def build(given: Given) -> Export:
    """Make it of MAVVRIK_API_KEY, MAVVRIK_API_ENDPOINT, MAVVRIK_CONNECTION_ID and MAVVRIK_EXPORT_INTERVAL_MINUTES."""
    base = given.address("api_endpoint", "MAVVRIK_API_ENDPOINT")
    name = given.text("connection_id", "MAVVRIK_CONNECTION_ID")
    connection = Connection(base, name, given.text("api_key", "MAVVRIK_API_KEY"))
    minutes = given.number("export_interval_minutes", "MAVVRIK_EXPORT_INTERVAL_MINUTES", default=60)
    start = first_day(given, "lookback_start_date", "MAVVRIK_LOOKBACK_START_DATE")
    return Export(
        given.name, connection.url, connection.tell, every=max(1.0, minutes * 60), start=start, behind=connection.behind
    )


class Connection:
    """One connection of a tenant."""

    def __init__(self, base: str, name: str, key: str) -> None:
        self.url = f"{base}/metrics/agent/ai/{quote(name, safe='')}"
        self._base = base
        self._name = name
        self._headers = JSON | {"x-api-key": key}
        self._latest: date | None = None

    async def behind(self, ask: Ask) -> date | None:
        """Say that we are there, and return the last day that it has; None where it has none."""
        there = Delivery(self.url, encode({"name": self._name}), self._headers)
        self._latest = _day((await taken(ask, there)).document().get("metricsMarker"))
        return self._latest

    async def tell(self, page: Page) -> tuple[str, ...]:
        """Put the file of a day into the store, and say so."""
        await self._put(page, gzip.compress(csv_of([row(one, one.counts) for one in page.charges]), mtime=0))
        self._latest = max(page.day, self._latest or page.day)
        marker = int(datetime.combine(self._latest, time(), UTC).timestamp())
        await taken(page.ask, Delivery(self.url, encode({"metricsMarker": marker}), self._headers, method="PATCH"))
        return ()

    async def _put(self, page: Page, body: bytes) -> None:
        """Send a file in pieces (https://cloud.google.com/storage/docs/performing-resumable-uploads#xml-api)."""
        query = urlencode({"name": f"{page.day}", "type": "metrics", "datetime": f"{page.day}"})
        asking = Delivery(f"{self.url}/upload-url?{query}", b"", self._headers, method="GET")
        url = signed_address((await taken(page.ask, asking)).document().get("url"), self._base)
        begin = Delivery(url, b"", {**_FILE, "x-goog-resumable": "start"}, accepted=_BEGUN)
        session = signed_address((await taken(page.ask, begin)).headers.get("location"), self._base)
        try:
            for piece in pieces(session, body):
                await taken(page.ask, piece)
                await page.note(page.told)
        except BaseException:
            with contextlib.suppress(TianjiError):  # else the store keeps the session for a week
                await page.ask(Delivery(session, b"", method="DELETE", accepted=_ANY))
            raise


def pieces(session: str, body: bytes) -> Iterator[Delivery]:
    """Yield the requests that send a file."""
    for start in range(0, len(body), CHUNK):
        piece = body[start : start + CHUNK]
        end = start + len(piece)
        last = end == len(body)
        ranged = {**_FILE, "content-range": f"bytes {start}-{end - 1}/{len(body) if last else '*'}"}
        yield Delivery(session, piece, ranged, method="PUT", accepted=_BEGUN if last else _MORE)


def _day(marker: Any) -> date | None:
    """Return the day of a marker, which is written as seconds since 1970 or as a date; None for no day at all."""
    try:
        if isinstance(marker, str) and not marker.isdecimal():
            return date.fromisoformat(marker[:10]) if marker else None
        return datetime.fromtimestamp(int(marker), UTC).date() if int(marker or 0) > 0 else None
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise UpstreamProtocolError("its metricsMarker is no day") from error
