"""Requests of SCIM answered in its own words: its media type, and errors as RFC 7644 section 3.12 has them."""

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.edge.addresses import own_address
from tianji.edge.routes import Match
from tianji.errors import Header, SchemaViolation, TianjiError
from tianji.lazy import load
from tianji.management import desk
from tianji.management.desk import Call
from tianji.management.office import Office
from tianji.scim.listing import chosen
from tianji.scim.resources import LIST

PATH: Final = "/scim/v2"
_KIND: Final[Header] = (b"content-type", b"application/scim+json")
_ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"
_CODES: Final = frozenset(
    ["invalidFilter", "tooMany", "uniqueness", "mutability", "invalidSyntax", "invalidPath", "noTarget", "invalidValue"]
)

Function = Callable[[Call, str], Awaitable[Mapping[str, Any] | None]]


async def serve(office: Office, function: Function, status: int, exchange: Exchange, match: Match) -> None:
    """Answer with the resource that `function` returns, and `status`; 204 where it returns none."""
    base = own_address(exchange, office.environ()) + PATH
    try:
        found: Any = await desk.done(office, functools.partial(_on, function, base), exchange, match)
    except TianjiError as error:
        _refuse(exchange, error)
        return
    if found is None:
        exchange.respond(204, [], b"")
        return
    where = [(b"location", found["meta"]["location"].encode())] if "meta" in found else []
    exchange.respond(status, [_KIND, *where], msgspec.json.encode(found))


async def _on(function: Function, base: str, call: Call) -> object:
    found = await function(call, base)
    if found is None or "Resources" in found:
        return found
    return chosen(dict(found), call.query.get("attributes", ""), call.query.get("excludedAttributes", ""))


def describe(exchange: Exchange, kind: str, name: str | None, base: str) -> None:
    """Answer with a document about the service itself, or with one out of a list of them."""
    found = load("tianji.scim.schemas").documents(base)[kind]
    if name is not None:
        found = next((one for one in found if one["id"] == name), None)
        if found is None:
            exchange.respond(404, [_KIND], msgspec.json.encode(_error(404, "there is no such document")))
            return
    elif isinstance(found, list):
        count = len(found)
        found = {"schemas": [LIST], "totalResults": count, "startIndex": 1, "itemsPerPage": count, "Resources": found}
    exchange.respond(200, [_KIND], msgspec.json.encode(found))


def _refuse(exchange: Exchange, error: TianjiError) -> None:
    status = 400 if isinstance(error, SchemaViolation) else error.status
    body = _error(status, error.message)
    if error.code in _CODES:
        body["scimType"] = error.code
    elif status == 400:
        body["scimType"] = "invalidSyntax"
    exchange.respond(status, [_KIND, *error.headers], msgspec.json.encode(body))


def _error(status: int, message: str) -> dict[str, Any]:
    return {"schemas": [_ERROR], "status": str(status), "detail": message}
