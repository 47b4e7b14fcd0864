"""Vantage's custom providers (https://docs.vantage.sh/connecting_custom_providers): files of FOCUS, as CSV.

What is uploaded adds to what is there, so a day is replaced in two steps: its files are put there, and then those of
before are deleted. What else the account held of the day is noted beforehand: whatever a process has put there that
ended before it could say so is found, and deleted, by the next one. Files of a day have the same names each time,
since Vantage has a file overwrite another one of its name.
"""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import quote

from tianji.callbacks.billing.export import Export, Page, Told, taken
from tianji.callbacks.billing.focus import row
from tianji.callbacks.billing.rhythm import rhythm
from tianji.callbacks.billing.tables import parts
from tianji.callbacks.sink import Delivery, Given
from tianji.errors import UpstreamProtocolError
from tianji.protocol.multipart import Piece, written

BASE: Final = "https://api.vantage.sh"
ROWS: Final = 10_000  # of a file
SIZE: Final = 2 << 20  # bytes of a file
PAGES: Final = 1000  # of the list of files
# columns that it knows and that say something here; ChargePeriodEnd is for costs that are to be spread over days
COLUMNS: Final = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "ChargeCategory", "ChargeDescription",
    "ChargeFrequency", "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit", "ContractedCost", "EffectiveCost",
    "ListCost", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName", "ServiceSubcategory",
    "SubAccountId", "SubAccountName", "Tags",
)  # fmt: skip
_GONE: Final = frozenset({200, 204, 404})


def build(given: Given) -> Export:
    """Make it of VANTAGE_API_KEY, VANTAGE_INTEGRATION_TOKEN, VANTAGE_BASE_URL and VANTAGE_EXPORT_FREQUENCY."""
    base = given.address("base_url", "VANTAGE_BASE_URL", default=BASE)
    token = given.text("integration_token", "VANTAGE_INTEGRATION_TOKEN")
    provider = Provider(
        f"{base}/v2/integrations/{quote(token, safe='')}",
        {"authorization": f"Bearer {given.text('api_key', 'VANTAGE_API_KEY')}"},
    )
    every, today = rhythm(given, "VANTAGE_EXPORT", usual="hourly", choices=("hourly", "daily", "interval"))
    return Export(given.name, provider.url, provider.tell, every=every, today=today)


class Provider:
    """One custom provider of an account."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.url = url
        self._headers = headers

    async def tell(self, page: Page) -> tuple[str, ...]:
        """Put the files of a day there, and delete those of before."""
        held = [token async for token in self._held(page)]
        known = page.told.ids
        others = tuple(one for one in held if one not in known) if page.told.others is None else page.told.others
        await page.note(Told(ids=known, others=others))
        put = [token async for token in self._put(page, Told(ids=known, others=others))]
        for token in dict.fromkeys([*held, *known]):
            if token not in put and token not in others:
                url = f"{self.url}/costs/{quote(token, safe='')}"
                await taken(page.ask, Delivery(url, b"", self._headers, method="DELETE", accepted=_GONE))
        return tuple(put)

    async def _held(self, page: Page) -> AsyncIterator[str]:
        """Yield the tokens of all files of a day, whoever has put them there."""
        url = f"{self.url}/costs"
        for _ in range(PAGES):
            answer = (await taken(page.ask, Delivery(url, b"", self._headers, method="GET"))).document()
            for one in answer.get("user_costs_uploads") or ():
                if _is_of(one, page.day):
                    yield _token(one)
            links = answer.get("links")
            following = links.get("next") if isinstance(links, dict) else None
            if not isinstance(following, str) or not following.startswith(f"{self.url}/costs"):
                return
            url = following

    async def _put(self, page: Page, noted: Told) -> AsyncIterator[str]:
        rows = [_chosen(row(one, one.counts)) for one in page.charges]
        for number, part in enumerate(parts(rows, most=ROWS, size=SIZE), 1):
            name = f"tianji-{page.day}.csv" if number == 1 else f"tianji-{page.day}.part{number}.csv"
            kind, pieces, _ = written([Piece("csv", part.decode(), filename=name, content_type=b"text/csv")])
            headers = {**self._headers, "content-type": kind.decode()}
            answer = await taken(page.ask, Delivery(f"{self.url}/costs.csv", b"".join(pieces), headers))
            yield _token(answer.document())
            await page.note(noted)


def _chosen(found: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that are sent. A service has a name."""
    return {name: found[name] for name in COLUMNS} | {"ServiceName": found["ServiceName"] or "unknown"}


def _is_of(upload: dict[str, Any], day: date) -> bool:
    """Whether a file holds one day and no other; the end of it is written as the same day, or as the next one."""
    start, end = (str(upload.get(name) or "")[:10] for name in ("start_date", "end_date"))
    return start == f"{day}" and end in (f"{day}", f"{day + timedelta(days=1)}")


def _token(upload: dict[str, Any]) -> str:
    token = upload.get("token")
    if not isinstance(token, str) or not token:
        raise UpstreamProtocolError("it does not say what it calls a file")
    return token
