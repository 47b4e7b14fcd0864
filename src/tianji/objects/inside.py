"""Files that requests of models name: the upstream is told its own ids of them.

Such a request goes to a deployment at which all of them lie, or whose account they were uploaded with, and to no other.
"""

import re
from collections.abc import Callable
from typing import Final

from tianji._core.exchange import Exchange
from tianji._core.spans import scan
from tianji.auth.identity import Identity
from tianji.edge.answers import call_id_headers
from tianji.errors import Header, MalformedJSON, TianjiError
from tianji.objects.desk import Desk
from tianji.objects.kinds import FILE, MARK
from tianji.protocol.openai_errors import error_body

_NAMED: Final = re.compile(rb'("file_id"\s*:\s*")(%b[A-Za-z0-9_-]+)(?=")' % f"{FILE.prefix}{MARK}".encode())
_JSON: Final[Header] = (b"content-type", b"application/json")


def replace(desk: Callable[[], Desk], exchange: Exchange) -> bool:
    """Put the upstream's ids into a request; tell whether to go on: where not, it was answered with an error."""
    try:
        _replace(desk(), exchange)
    except TianjiError as error:
        headers = [_JSON, *call_id_headers(exchange, compatible=True), *error.headers]
        exchange.respond(error.status, headers, error_body(error))
        return False
    return True


def _replace(desk: Desk, exchange: Exchange) -> None:
    caller, body = exchange.identity, exchange.body
    try:
        model = scan(body).string(b"model")
    except MalformedJSON:
        return  # whoever answers says so
    named = {match[2].decode() for match in _NAMED.finditer(body)}
    if not named or model is None or not isinstance(caller, Identity):
        return
    refs = {name: desk.seal.open(FILE, name, caller) for name in named}
    deployment, ids = desk.places.holding(model, caller, refs, exchange.pinned)
    exchange.body = _NAMED.sub(lambda match: match[1] + ids[match[2].decode()].encode(), body)
    exchange.pinned = deployment
