"""The upstream's socket: connected like every other upstream, then upgraded by picows."""

import asyncio
from typing import Any, Final

from picows import WSHandshakeError, WSInvalidStatusError, WSListener, WSUpgradeResponse

from tianji._core.routing.router import Deployment, Plan
from tianji._core.upstreams.origin import Origin
from tianji._core.upstreams.pool import Pool
from tianji.edge.websocket import websocket_protocol
from tianji.egress.connector import Connector
from tianji.egress.pool import Answer, encode_request, fetch
from tianji.errors import (
    Header,
    TianjiError,
    UpstreamDisconnected,
    UpstreamFailure,
    UpstreamProtocolError,
    UpstreamRefused,
    UpstreamTimeout,
)
from tianji.gateway.attempts.failures import Failures
from tianji.realtime.addresses import Address

UNREACHABLE: Final = 502
LONGEST_ANSWER: Final = 1 << 20  # bytes


class Door:
    """The way out. One per worker."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._failures = Failures()

    async def open(
        self, plan: Plan, deployment: Deployment, address: Address, headers: list[Header], listener: WSListener
    ) -> None:
        """Give the socket of a deployment to `listener`. Raises an UpstreamFailure within the time to connect.

        What is fetched for it first, a token say, has its own time.
        """
        asked = await signed(plan, Address(address.host, address.target, (*address.headers, *headers)))
        try:
            await self.knock(plan.origin, plan.timeouts.connect, asked, listener)
        except WSInvalidStatusError as refused:
            raise self._refused(refused, deployment) from None

    async def knock(self, origin: Origin, seconds: float, address: Address, listener: WSListener) -> WSUpgradeResponse:
        """Give a socket to `listener`, and return the answer that came before it.

        Raises WSInvalidStatusError for any other answer, and an UpstreamFailure where there is none within `seconds`.
        """
        try:
            async with asyncio.timeout(seconds or None):
                return await self._upgrade(origin, address, listener)
        except TimeoutError:
            raise UpstreamTimeout(f"no conversation with the upstream within {seconds:g} s", "connect") from None

    async def _upgrade(self, origin: Origin, address: Address, listener: WSListener) -> WSUpgradeResponse:
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in address.headers]

        def make() -> Any:
            return websocket_protocol(lambda _request, _response: listener, address.host, address.target, fields)

        transport: Any
        protocol: Any  # picows' own
        transport, protocol = await self._connector.connect(origin.http1 or origin, make)
        try:
            await protocol.wait_until_handshake_complete()
        except WSInvalidStatusError:
            raise
        except WSHandshakeError as error:
            raise UpstreamProtocolError(f"the upstream does not upgrade to a WebSocket: {error}") from None
        except BaseException:
            transport.abort()
            raise
        if protocol.listener is None:
            raise UpstreamDisconnected("the upstream closed the connection in place of an upgrade")
        answer: WSUpgradeResponse = protocol.transport.response
        return answer

    def _refused(self, refused: WSInvalidStatusError, deployment: Deployment) -> TianjiError:
        status = refused.response.status if refused.response is not None else 502
        return self._failures.refused(int(status), refused.raw_body or b"", deployment)


async def signed(plan: Plan, address: Address, body: bytes = b"") -> Address:
    """Return an address with what its upstream wants to read beside a key: a token that changes, a signature."""
    place = getattr(plan.passage, "place", None)
    if place is None:
        return address
    task = None if place.awaits is None else place.awaits()
    if task is not None:
        await task
    shown = () if place.sign is None else place.sign(address.target, body)
    return Address(address.host, address.target, (*address.headers, *shown))


async def post(pool: Pool, plan: Plan, address: Address, headers: list[Header], body: bytes) -> Answer:
    """Send a request beside which a conversation is held; return the answer. Raises an UpstreamFailure."""
    asked = await signed(plan, address, body)
    fields = [(b"host", asked.host.encode("ascii")), *headers, *asked.headers]
    request = encode_request(b"POST", asked.target.encode("ascii"), fields, body)
    return await fetch(pool, plan.origin, request, plan.timeouts, max_body=LONGEST_ANSWER)


def unreachable(error: UpstreamFailure) -> UpstreamFailure:
    """Return what a client is told who got no socket: 502, unless the upstream has a word of its own."""
    if not isinstance(error, UpstreamRefused):
        error.status = UNREACHABLE
    return error
