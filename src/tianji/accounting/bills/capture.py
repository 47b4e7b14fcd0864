"""Which share of what a provider bills the books know of, by the days of UTC.

Less than one: requests reach the provider past the gateway, or are booked for too little. More: for too much.
https://docs.litellm.ai/docs/proxy/spend_capture_rate describes it.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

import httpx
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji._core.upstreams.http1 import Timeouts
from tianji.accounting.bills import openai
from tianji.config.schema.alerting import CaptureCheck
from tianji.egress.client import open_client
from tianji.errors import ConfigurationError, UpstreamConnectFailed
from tianji.money import to_dollars
from tianji.storage.tables import DAILY

LONGEST: Final = timedelta(days=180)
BASE_VARIABLE: Final = "OPENAI_ADMIN_API_BASE"
_LIMITS: Final = Timeouts(connect=10.0, between_chunks=30.0)
_TEXT: Final = "%Y-%m-%d"


class Share(Struct, kw_only=True):
    """Of a day, or of all: US dollars, and what the first is of the second; None where nothing was billed."""

    captured_spend: float
    provider_spend: float
    capture_rate: float | None


class DayShare(Share, kw_only=True):
    """Of one day."""

    date: str


class Report(Share, kw_only=True):
    """Of the days from `start_date` to `end_date`. below_threshold: the share is less than it should be."""

    provider: str
    start_date: str
    end_date: str
    threshold: float
    below_threshold: bool
    days: list[DayShare]


async def captured(connection: AsyncConnection, first: date, last: date) -> Mapping[str, int]:
    """Return the nano-dollars that the books have of each day for what OpenAI bills."""
    spent = sa.func.sum(DAILY.c.spend)
    days = (DAILY.c.day >= first.strftime(_TEXT), DAILY.c.day <= last.strftime(_TEXT))
    query = sa.select(DAILY.c.day, spent).where(
        DAILY.c.kind == "all", DAILY.c.provider.in_(openai.PROVIDERS), *days
    ).group_by(DAILY.c.day)  # fmt: skip
    return {row[0]: int(row[1]) for row in await connection.execute(query)}


async def billed(environ: Mapping[str, str], first: date, last: date, projects: tuple[str, ...]) -> Mapping[str, int]:
    """Return the nano-dollars that OpenAI bills for each day.

    Raises ConfigurationError where the gateway has no key for that, and what `openai.daily` raises.
    """
    key = environ.get(openai.KEY)
    if not key:
        raise ConfigurationError(f"{openai.KEY} is not set, so nobody can ask OpenAI what it bills; set an admin key")
    async with open_client(_LIMITS) as client:

        async def get(url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
            try:
                answer = await client.get(url, headers=dict(headers))
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise UpstreamConnectFailed(f"OpenAI cannot be asked what it bills: {type(error).__name__}") from error
            return answer.status_code, answer.content

        return await openai.daily(get, key, first, last, projects, environ.get(BASE_VARIABLE) or openai.BASE)


def report(first: date, last: date, known: Mapping[str, int], bill: Mapping[str, int], check: CaptureCheck) -> Report:
    """Return what the books and a bill come to, nano-dollars by day."""
    names = [f"{first + timedelta(days=number):%Y-%m-%d}" for number in range((last - first).days + 1)]
    pairs = [(known.get(name, 0), bill.get(name, 0)) for name in names]
    whole = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    rate = _rate(*whole)
    return Report(
        captured_spend=to_dollars(whole[0]),
        provider_spend=to_dollars(whole[1]),
        capture_rate=rate,
        provider="openai",
        start_date=names[0],
        end_date=names[-1],
        threshold=check.threshold,
        below_threshold=rate is not None and rate < check.threshold,
        days=[_day(name, *pair) for name, pair in zip(names, pairs, strict=True)],
    )


def _day(name: str, known: int, bill: int) -> DayShare:
    return DayShare(
        date=name,
        captured_spend=to_dollars(known),
        provider_spend=to_dollars(bill),
        capture_rate=_rate(known, bill),
    )


def _rate(known: int, bill: int) -> float | None:
    return known / bill if bill > 0 else None
