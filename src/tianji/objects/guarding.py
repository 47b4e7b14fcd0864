"""Requests that come many at a time are judged by guardrails, each as if it had come by itself, before any goes on.

One that is refused refuses all of them, since nobody would look for its answer among the others'.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec

from tianji._core.exchange import Exchange
from tianji._core.spool import Extent, Spool
from tianji.auth.identity import Identity
from tianji.dialects.rows import ROWS
from tianji.errors import ClientGone, InvalidRequest, TianjiError, UnknownModel
from tianji.objects.lines import MEMBERS, Content, in_lines
from tianji.objects.message_lots import read
from tianji.objects.places import Place, Places

BESIDE: Final = 16  # requests that are judged at a time
_MESSAGES: Final = "messages"
_OPERATIONS: Final = {path: row.operation for row in ROWS for path in row.paths if "{" not in path}
_LONGEST_NAME: Final = 64  # characters of a client's own name for a request, in an error
Item = TypeVar("Item")
Made = TypeVar("Made")


class Earlier(Protocol):
    """Who judges answers that were given before. See gateway.guarding.earlier."""

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
        spool, number = Spool(), 0
        known = [*targets]
        async for lines in in_lines(content):
            first, number = number + 1, number + len(lines)
            judged = await self._several(
                [(at, line) for at, (line, _) in enumerate(lines, first)], lambda one: self._line(*one, known)
            )
            spool.write(b"".join(line + end for line, (_, end) in zip(judged, lines, strict=True)))
        return Extent(spool, 0, spool.size), spool.size

    async def batch(self, body: bytes) -> bytes:
        """Return a batch of messages, which was read before, as it goes on. Raises what a request is refused with."""
        members, requests = read(body)

        async def judged(request: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
            params = bytes(request["params"])
            model = msgspec.json.decode(MEMBERS.decode(params)["model"], type=str)
            try:
                told = await self._guards.passed(self._exchange, _MESSAGES, model, self._group(model), params)
            except TianjiError as error:
                raise _where(error, "the request", request) from None
            return request | {"params": msgspec.Raw(told)}

        found = await self._several(requests, judged)
        return msgspec.json.encode(members | {"requests": msgspec.Raw(msgspec.json.encode(found))})

    async def told(self, operation: str, members: dict[str, Any], place: Place) -> dict[str, Any]:
        """Return what is told to what lies at a place as it goes on. Raises what it is refused with."""
        model = members.get("model")
        named = self._meant(model if isinstance(model, str) else "", place)
        body = await self._guards.passed(self._exchange, operation, *named, msgspec.json.encode(members))
        return msgspec.json.decode(body, type=dict[str, Any])

    async def _several(self, items: Sequence[Item], judge: Callable[[Item], Awaitable[Made]]) -> list[Made]:
        """Return what becomes of all, some at a time.

        Raises what the first is refused with that is refused, and ClientGone where nobody waits any more.
        """
        found: list[Made] = []
        for at in range(0, len(items), BESIDE):
            if self._exchange.gone:
                raise ClientGone("the client has gone before all of its requests were judged")
            ends = await asyncio.gather(*map(judge, items[at : at + BESIDE]), return_exceptions=True)
            for end in ends:
                if isinstance(end, BaseException):
                    raise end
                found.append(end)
        return found

    async def _line(self, number: int, line: bytes, targets: Sequence[Place]) -> bytes:
        """Return a line as it goes on: what was not judged, as a member that stands twice, does not."""
        if not line.strip():
            return line
        place = f"line {number}"
        try:
            members = MEMBERS.decode(line)
            body, address = bytes(members["body"]), msgspec.json.decode(members.get("url", b'""'))
            model = MEMBERS.decode(body).get("model")
            named = "" if model is None else msgspec.json.decode(model, type=str)
        except (msgspec.DecodeError, KeyError, RecursionError, UnicodeDecodeError):
            said = f"{place}: the guardrails of this gateway cannot read it: a request with a `body` is expected"
            raise InvalidRequest(said, param="file") from None
        operation = _OPERATIONS.get(address, "") if isinstance(address, str) else ""
        try:
            for model_named, group in dict.fromkeys(self._meant(named, target) for target in targets):
                body = await self._guards.passed(self._exchange, operation, model_named, group, body)
        except TianjiError as error:
            raise _where(error, place, members) from None
        return msgspec.json.encode(members | {"body": msgspec.Raw(body)})

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


def _where(error: TianjiError, place: str, members: dict[str, msgspec.Raw]) -> TianjiError:
    """Return an error that says which request is refused, and by whom."""
    with contextlib.suppress(KeyError, msgspec.DecodeError):
        place += f" {msgspec.json.decode(members['custom_id'], type=str)[:_LONGEST_NAME]!r}"
    guardrail = getattr(error, "guardrail", "")
    by = f" is refused by the guardrail {guardrail}" if guardrail else ""
    error.message = f"{place}{by}: {error.message}"
    return error
