"""PointFive: the events of a batch in a file, put where it says when it is asked (https://www.pointfive.co).

The address is good for one upload, so each try asks for another one.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import JSON, encode, lines, packed
from tianji.callbacks.sink import Delivery, Given, Sink
from tianji.errors import UpstreamFailure
from tianji.providers.logins.oauth import read_object

BASE: Final = "https://api.pointfive.co/api/v1/ingestion"
BATCH: Final = 1000  # events of a file
_FILE: Final = {"content-type": "application/x-ndjson", "content-encoding": "gzip"}


def build(given: Given) -> Sink:
    """Make it of POINTFIVE_API_KEY and POINTFIVE_API_URL."""
    base = given.address("api_url", "POINTFIVE_API_URL", default=BASE)
    asking = JSON | {"authorization": f"Bearer {given.text('api_key', 'POINTFIVE_API_KEY')}"}

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        yield Delivery(base, packed(lines(events)), _FILE, method="PUT")

    async def complete(request: Delivery) -> Delivery:
        wanted = encode({"kind": "LITELLM", "byteCount": len(request.body)})
        told = read_object("PointFive", await given.fetch("POST", f"{base}/upload-url", asking, wanted))
        url = told.get("uploadUrl")
        if not isinstance(url, str) or not url.startswith(("https://", f"{base}/")):
            raise UpstreamFailure("PointFive does not say where to put events", sent=False)
        return msgspec.structs.replace(request, url=url)

    batch = int(given.number("batch_size", "POINTFIVE_BATCH_SIZE", default=BATCH)) or 1
    return Sink(given.name, write, batch=batch, apart=True, complete=complete)
