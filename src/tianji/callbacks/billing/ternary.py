"""Ternary's cost connections (https://docs.litellm.ai/docs/observability/ternary): FOCUS as CSV, a file a day.

The file of a day is put where Ternary says when it is asked, and stands in place of the one of before.
"""

from typing import Final
from urllib.parse import quote

from tianji.callbacks.billing.export import Export, Page, taken
from tianji.callbacks.billing.focus import row
from tianji.callbacks.billing.rhythm import rhythm
from tianji.callbacks.billing.stores import signed_address
from tianji.callbacks.billing.tables import csv_of
from tianji.callbacks.forms import JSON, encode
from tianji.callbacks.sink import Delivery, Given
from tianji.errors import UpstreamProtocolError

_PUT: Final = "PUT"


def build(given: Given) -> Export:
    """Make it of TERNARY_API_KEY, TERNARY_CONNECTION_ID, TERNARY_BASE_URL and TERNARY_EXPORT_FREQUENCY."""
    base = given.address("base_url", "TERNARY_BASE_URL")
    connection = quote(given.text("connection_id", "TERNARY_CONNECTION_ID"), safe="")
    place = f"{base}/external-cost-sources/v1/{connection}"
    headers = JSON | {"authorization": f"Bearer {given.text('api_key', 'TERNARY_API_KEY')}"}

    async def tell(page: Page) -> tuple[str, ...]:
        asking = Delivery(f"{place}/upload-url", encode({"day": f"{page.day}"}), headers)
        where = (await taken(page.ask, asking)).document()
        named = where.get("headers")
        if where.get("method") != _PUT or not isinstance(named, dict):
            raise UpstreamProtocolError("it does not say how to put the day into its store")
        url = signed_address(where.get("url"), base)
        body = csv_of([row(one, one.counts) for one in page.charges])
        sent = {str(name): str(value) for name, value in named.items()}
        await taken(page.ask, Delivery(url, body, sent, method=_PUT))
        return ()

    every, today = rhythm(given, "TERNARY_EXPORT", usual="daily", choices=("daily", "interval"))
    return Export(given.name, place, tell, every=every, today=today)
