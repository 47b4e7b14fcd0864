"""Fetches access tokens: a request an hour, so over a connection of its own."""

from collections.abc import Mapping
from typing import Final

from tianji._core.http1 import Timeouts
from tianji.errors import UpstreamConnectFailed
from tianji.lazy import load

_TIMEOUTS: Final = Timeouts(connect=10.0, between_chunks=30.0)


async def fetch(method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    """Make one request: a `google_credentials.Fetch`."""
    async with load("tianji.egress.client").open_client(_TIMEOUTS) as client:
        try:
            answer = await client.request(method, url, headers=dict(headers), content=body)
        except load("httpx").HTTPError as error:
            raise UpstreamConnectFailed(f"Google's token service cannot be reached: {type(error).__name__}") from error
        return answer.status_code, answer.content
