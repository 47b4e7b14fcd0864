"""What OpenAI bills an organization for each day: https://platform.openai.com/docs/api-reference/usage/costs."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from tianji.errors import UpstreamFailure, UpstreamProtocolError
from tianji.money import to_nanos

KEY: Final = "OPENAI_ADMIN_KEY"
BASE: Final = "https://api.openai.com"
PROVIDERS: Final = ("openai", "text-completion-openai")  # of the books, that are on its bill
PAGE: Final = 180  # days
_CURRENCY: Final = "usd"

Get = Callable[[str, Mapping[str, str]], Awaitable[tuple[int, bytes]]]
"""Asks an address, and returns the status and the body of the answer. Raises UpstreamFailure where there is none."""


class _Amount(Struct):
    value: float | str
    currency: str


class _Result(Struct):
    amount: _Amount


class _Day(Struct):
    start_time: int
    results: list[_Result] = []


class _Page(Struct):
    data: list[_Day]
    has_more: bool = False
    next_page: str | None = None


_decode: Final = msgspec.json.Decoder(_Page).decode


async def daily(
    get: Get, key: str, first: date, last: date, projects: Sequence[str] = (), base: str = BASE
) -> Mapping[str, int]:
    """Return the nano-dollars of each day, in UTC, from one to another one. projects: that alone count; none: all do.

    Raises UpstreamFailure for a key that may not ask, UpstreamProtocolError for what is no bill, and what `get` raises.
    """
    found: dict[str, int] = {}
    asked = [("start_time", _midnight(first)), ("end_time", _midnight(last + timedelta(days=1))),
             ("bucket_width", "1d"), ("limit", PAGE), *(("project_ids[]", one) for one in projects)]  # fmt: skip
    more: list[tuple[str, str]] = []
    while True:
        status, body = await get(
            f"{base}/v1/organization/costs?{urlencode([*asked, *more])}", {"authorization": f"Bearer {key}"}
        )
        if status != 200:
            raise UpstreamFailure(f"OpenAI does not say what it bills: status {status}; {KEY} has to be an admin key")
        page = _read(body)
        for bucket in page.data:
            day = f"{datetime.fromtimestamp(bucket.start_time, UTC):%Y-%m-%d}"
            found[day] = found.get(day, 0) + sum(map(_nanos, bucket.results))
        if not page.has_more or page.next_page is None or more == [("page", page.next_page)]:
            return found
        more = [("page", page.next_page)]


def _read(body: bytes) -> _Page:
    try:
        return _decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UpstreamProtocolError(f"OpenAI's bill cannot be read: {error}") from error


def _nanos(result: _Result) -> int:
    amount = result.amount
    try:
        if amount.currency.lower() == _CURRENCY:
            return to_nanos(float(amount.value))
    except (ValueError, OverflowError) as error:
        raise UpstreamProtocolError(f"OpenAI's bill has an amount of {str(amount.value)[:40]!r}") from error
    raise UpstreamProtocolError(f"OpenAI bills in {amount.currency[:8]!r}, and the books are in US dollars")


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
