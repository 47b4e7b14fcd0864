"""The model of a request asked in turns by the gateway: each question is a request as one of its client's would be.

Each is allowed, limited, guarded and billed as all are. What is streamed is known whole before.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.forward import Endpoint
from tianji._core.requests.silent import SilentExchange
from tianji.cache.codec import Codec
from tianji.errors import Header
from tianji.gateway.beforehand.own_requests import NO_MATCH

_EVENTS: Final[Header] = (b"content-type", b"text/event-stream")
_SPEND: Final = b"x-litellm-response-cost"
Answer = tuple[int, list[Header], bytes]
Deliver = Callable[[int, list[Header], bytes], None]


class Again:
    """Asks. `exchange in again`: whether it is one of its questions."""

    def __init__(self) -> None:
        self._under_way: set[Exchange] = set()

    def __contains__(self, exchange: Exchange) -> bool:
        """Whether an exchange is a question of this one."""
        return exchange in self._under_way

    async def ask(
        self, endpoint: Endpoint, client: Exchange, body: bytes, headers: list[Header] | None = None
    ) -> Answer:
        """Ask what `client` asks, with another body. headers: in place of the client's."""
        ended: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def listen(status: int, headers: list[Header], answer: bytes) -> None:
            if not ended.done():
                ended.set_result((status, headers, answer))

        exchange = SilentExchange(client.path, body, client.identity, listen, headers or client.headers)
        exchange.logins = client.logins
        self._under_way.add(exchange)
        try:
            endpoint(exchange, NO_MATCH)
            return await ended
        finally:
            self._under_way.discard(exchange)
            exchange.leave()


def as_asked(operation: str, answer: Answer, *, stream: bool, options: object) -> Answer:
    """Return an answer as the client wants it: as events where he asked for a stream. `options`: `stream_options`."""
    status, headers, raw = answer
    if not stream or status != 200:
        return answer
    shows = isinstance(options, Mapping) and options.get("include_usage") is True
    events = Codec(operation).events(raw, shows)
    if events is None:
        return answer
    return status, [_EVENTS, *(pair for pair in headers if pair[0] != b"content-type")], events


def cost_of(headers: list[Header]) -> float:
    """Return the dollars that an answer has cost, as its headers say it."""
    written = next((value for name, value in headers if name == _SPEND), b"0")
    try:
        return float(written)
    except ValueError:
        return 0.0


def with_cost(headers: list[Header], dollars: float) -> list[Header]:
    """Return headers that say what all of it has cost, where they say that of the last answer."""
    return [(name, f"{dollars:.9f}".encode() if name == _SPEND else value) for name, value in headers]
