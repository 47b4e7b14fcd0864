"""One request for several models, as LiteLLM's `model: a,b` asks: all their answers, or the first that is good."""

import asyncio
import functools
from collections.abc import Callable
from typing import Final

import msgspec

from tianji._core.requests.asked import Asked
from tianji._core.requests.forward import Endpoint
from tianji._core.requests.silent import SilentExchange
from tianji._core.routing.router import Table
from tianji.errors import Header, InvalidRequest, UnknownModel
from tianji.gateway.beforehand.own_requests import NO_MATCH
from tianji.gateway.translation.bodies import with_members

MOST: Final = 16  # models of one request
JSON: Final[Header] = (b"content-type", b"application/json")
Deliver = Callable[[int, list[Header], bytes], None]


class Several:
    """The requests that one was divided into. Each goes the way of all: it must be allowed, is limited and billed."""

    def __init__(self, models: list[str], deliver: Deliver, *, fastest: bool) -> None:
        self._models = models
        self._deliver = deliver
        self._fastest = fastest
        self._answers: dict[str, tuple[int, list[Header], bytes]] = {}
        self._exchanges: list[SilentExchange] = []

    def begin(self, asked: Asked, endpoint: Endpoint) -> None:
        """Send all of them."""
        body = b"" if asked.spans is None else asked.spans.source
        for model in self._models:
            heard = functools.partial(self._heard, model)
            own = with_members(body, {"model": model})
            client = asked.exchange
            exchange = SilentExchange(client.path, own, client.identity, heard, client.headers)
            exchange.logins = client.logins
            self._exchanges.append(exchange)
            asyncio.get_running_loop().call_soon(endpoint, exchange, NO_MATCH)

    def cancel(self) -> None:
        """Want no answer any more."""
        for exchange in self._exchanges:
            exchange.leave()

    def _heard(self, model: str, status: int, headers: list[Header], body: bytes) -> None:
        self._answers[model] = status, headers, body
        if self._fastest and status == 200:
            self.cancel()
            self._deliver(status, headers, body)
        elif len(self._answers) == len(self._models):
            self._finish()

    def _finish(self) -> None:
        answers = [self._answers[model] for model in self._models]
        if self._fastest:
            self._deliver(*answers[0])  # none is good: the first error, as everywhere
        else:
            self._deliver(200, [JSON], msgspec.json.encode([msgspec.Raw(body or b"null") for _, _, body in answers]))


def divide(asked: Asked, endpoint: Endpoint, deliver: Deliver) -> Several:
    """Begin the requests for the models that the name of one is a list of.

    Raises UnknownModel where nothing serves any of them, and InvalidRequest for a stream.
    """
    spans = asked.spans
    models = list(dict.fromkeys(name.strip() for name in asked.routed.split(",") if name.strip()))
    if not any(_is_served(asked.table, model) for model in models):
        asked.table.resolve(asked.routed)  # raises, since nothing serves the whole name either
    if len(models) > MOST:
        raise InvalidRequest(f"`model` has more than {MOST} models", param="model")
    if spans is not None and spans.boolean(b"stream"):
        raise InvalidRequest("several models in one request cannot be streamed; name one", param="model")
    fastest = spans is not None and spans.boolean(b"fastest_response") is True
    several = Several(models, deliver, fastest=fastest)
    several.begin(asked, endpoint)
    return several


def _is_served(table: Table, model: str) -> bool:
    if model in table.groups or model in table.autos:
        return True
    try:
        table.resolve(model)
    except UnknownModel:
        return False
    return True
