"""Requests that come many at a time are judged by guardrails, each as if it had come by itself, before any goes on.

One that is refused refuses all of them, since nobody would look for its answer among the others'.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.auth.identity import Identity
from tianji.errors import InvalidRequest, TianjiError, UnknownModel
from tianji.gateway.guarding.lots import batched
from tianji.gateway.translation.request_lines import MEMBERS, Content
from tianji.objects.messages.lots import read
from tianji.objects.places import Place, Places
from tianji.objects.rows import Row

_MESSAGES: Final = "messages"


class Earlier(Protocol):
    """Who judges answers that were given before. See gateway.guarding.answers.earlier."""

    async def whole(self, operation: str, group: str, body: bytes) -> bytes:
        """Return an answer as it goes out. Raises what it is refused with."""

    def lines(self, group_of: Callable[[str], str]) -> Exchange:
        """Return the exchange into which a file of answers is written. `group_of`: of a model that has answered."""

    def stream(self, operation: str, group: str) -> Exchange:
        """Return the exchange into which a stream is written."""


class Guards(Protocol):
    """Whoever judges. See gateway.guarding.guards."""

    async def passed(self, exchange: Exchange, operation: str, model: str, group: str, body: bytes) -> bytes:
        """Return the body of a request as it goes on. Raises what it is refused with."""

    def earlier(self, exchange: Exchange, body: bytes = b"{}") -> Earlier:
        """Return who judges what `exchange` reads. `body`: what it says of guardrails. Raises InvalidRequest."""


class Scrutiny:
    """Has judged what one exchange brought."""

    def __init__(self, guards: Guards, exchange: Exchange, caller: Identity, places: Places) -> None:
        self._guards = guards
        self._exchange = exchange
        self._caller = caller
        self._places = places

    async def file(self, content: Content, targets: Iterable[Place]) -> tuple[Content, int]:
        """Return a file of requests as it goes to these places, and its length.

        Raises InvalidRequest for a line that nobody can read, and what a line is refused with; both say which.
        """
        known = [*targets]

        async def judge(operation: str, named: str, body: bytes) -> bytes:
            for model, group in dict.fromkeys(self._meant(named, target) for target in known):
                body = await self._guards.passed(self._exchange, operation, model, group, body)
            return body

        found = await batched.file(content, judge, lambda: self._exchange.gone)
        return found, found.size

    async def batch(self, body: bytes) -> bytes:
        """Return a batch of messages, which was read before, as it goes on. Raises what a request is refused with."""
        members, requests = read(body)

        async def judged(request: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
            params = bytes(request["params"])
            model = msgspec.json.decode(MEMBERS.decode(params)["model"], type=str)
            try:
                told = await self._guards.passed(self._exchange, _MESSAGES, model, self._group(model), params)
            except TianjiError as error:
                raise batched.located(error, "the request", request) from None
            return request | {"params": msgspec.Raw(told)}

        found = await batched.several(requests, judged, lambda: self._exchange.gone)
        return msgspec.json.encode(members | {"requests": msgspec.Raw(msgspec.json.encode(found))})

    async def told(self, operation: str, members: dict[str, Any], place: Place) -> dict[str, Any]:
        """Return what is told to what lies at a place as it goes on. Raises what it is refused with."""
        model = members.get("model")
        named = self._meant(model if isinstance(model, str) else "", place)
        body = await self._guards.passed(self._exchange, operation, *named, msgspec.json.encode(members))
        return msgspec.json.decode(body, type=dict[str, Any])

    def _meant(self, named: str, target: Place) -> tuple[str, str]:
        """(model, group) that a line asks for which goes to a place."""
        if target.model is not None and target.group is not None:
            return target.group, target.group
        return named, target.group or self._group(named)

    def _group(self, model: str) -> str:
        try:
            return self._places.snapshot.find(self._caller.target(model))[0].name
        except UnknownModel:  # it is a provider's own, or the upstream says that there is none
            return ""


async def judged(
    guards: Guards | None, row: Row, exchange: Exchange, places: Places, members: dict[str, Any], place: Place
) -> tuple[dict[str, Any], Earlier | None]:
    """Return the members of a request as they go on, and who judges what is answered; None where nobody does.

    Raises what the request is refused with, and InvalidRequest for one whose upstream asks models by itself.
    """
    if guards is not None and row.grades:
        raise InvalidRequest(
            "guardrails judge what models are told here, and an evaluation asks them past the gateway: ask them by "
            "/v1/chat/completions or by a batch"
        )
    if guards is None or not (row.told or row.heard or row.content) or not isinstance(exchange.identity, Identity):
        return members, None
    reader = guards.earlier(exchange, msgspec.json.encode(members))
    if row.told:
        members = await Scrutiny(guards, exchange, exchange.identity, places).told(row.spoken, members, place)
    return members, reader
