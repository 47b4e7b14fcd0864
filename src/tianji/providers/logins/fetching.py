"""Fetches access tokens: a request an hour, so over a connection of its own."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol

from tianji._core.upstreams.http1 import Timeouts
from tianji.errors import UpstreamConnectFailed
from tianji.lazy import load

if TYPE_CHECKING:
    from tianji.egress.connector import Check

_TIMEOUTS: Final = Timeouts(connect=10.0, between_chunks=30.0)


class Fetch(Protocol):
    """Makes one HTTP request; the body of the answer is whole. Raises UpstreamFailure when there is none."""

    async def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Return the status and the body."""


def fetcher(service: str, trust: str | None = None, check: "Check | None" = None) -> Fetch:
    """Return what asks a token service, by this name in errors.

    trust: a file of certificates instead of the usual; check: judges where it lies, see `open_client`
    """

    async def fetch(method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        context = None if trust is None else load("tianji.egress.tls").client_context(trust)
        async with load("tianji.egress.client").open_client(_TIMEOUTS, ssl_context=context, check=check) as client:
            try:
                answer = await client.request(method, url, headers=dict(headers), content=body)
            except (load("httpx").HTTPError, load("httpx").InvalidURL) as error:
                why = f"the token service of {service} cannot be reached: {type(error).__name__}"
                raise UpstreamConnectFailed(why) from error
            return answer.status_code, answer.content

    return fetch
