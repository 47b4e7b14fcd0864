"""Exports of what was spent: each when its time has come, and again next time where it could not be delivered."""

import asyncio
import logging
from typing import Final

import httpx

from tianji._core.http1 import Timeouts
from tianji.callbacks.billing.charges import charges
from tianji.callbacks.billing.export import Export
from tianji.egress.client import open_client
from tianji.errors import TianjiError
from tianji.management.office import Office

TOTAL: Final = 60.0  # seconds of one delivery
_LIMITS: Final = Timeouts(connect=10.0, between_chunks=TOTAL)

log = logging.getLogger(__name__)


async def deliver(office: Office, export: Export) -> None:
    """Tell an export what was spent. Raises StoreUnavailable; whatever the other end does is logged."""
    database = await office.store.open()
    async with database.reading() as connection:
        found = await charges(connection, export.days(office.clock.now()))
    try:
        async with open_client(_LIMITS) as client:
            for request in export.write(found):
                whole = request if export.complete is None else await export.complete(request)
                async with asyncio.timeout(TOTAL):
                    answer = await client.request(
                        whole.method, whole.url, content=whole.body, headers=dict(whole.headers)
                    )
                if not whole.accepts(answer.status_code):
                    log.error(
                        "export %s: it answered with status %d; it is tried again", export.name, answer.status_code
                    )
                    return
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, TianjiError) as error:
        log.error("export %s: %s %s; it is tried again", export.name, type(error).__name__, error)
