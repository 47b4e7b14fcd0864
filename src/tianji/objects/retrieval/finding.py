"""Requests that want stores of their caller searched which their model cannot look into by itself."""

import logging
from collections.abc import Coroutine, Mapping
from typing import Any, Final

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji._core.edges.exchange import Handler as Compiled
from tianji.dialects.openai import Dialect
from tianji.edge.routes import Match
from tianji.errors import TianjiError
from tianji.lazy import load
from tianji.objects.desk import Desk
from tianji.objects.inside import looks_itself, refuse
from tianji.objects.kinds import MARK, STORE, STORES
from tianji.objects.retrieval.tools import IDS, FileSearch, searches_of

_OURS: Final = STORE.prefix + MARK
_FORMS: Final[Mapping[str, str]] = {
    "chat": "tianji.objects.retrieval.chats",
    "responses": "tianji.objects.retrieval.responses",
}
"""The module of each operation whose requests may name stores, by its `answer`."""
Work = Coroutine[Any, Any, None]
log: Final = logging.getLogger("tianji.objects")


def finding(desk: Desk, dialect: Dialect, handler: Compiled, exchange: Exchange, match: Match) -> Work | None:
    """Return what answers a request with what stores hold; None where it names none, or its upstream looks itself.

    handler: answers requests of this dialect. Raises InvalidRequest, and what the caller is refused with.
    """
    form = _FORMS.get(dialect.operation)
    if form is None or STORES not in exchange.body:
        return None
    try:
        body = msgspec.json.decode(exchange.body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return None  # whoever answers says so
    searches, others = searches_of(body.get("tools"))
    if dialect.operation == "chat" and body.get(IDS) is not None:
        searches = [FileSearch.read({IDS: body[IDS]}, IDS), *searches]
    if not any(store.startswith(_OURS) for search in searches for store in search.vector_store_ids):
        return None
    if dialect.operation == "responses" and looks_itself(desk, exchange, match.params.get("model")):
        return None
    work = load(form).answer(desk, handler, exchange, match, {**body, "tools": others}, searches)
    return _served(work, dialect, exchange)


async def _served(work: Work, dialect: Dialect, exchange: Exchange) -> None:
    error: TianjiError
    try:
        await work
        return
    except TianjiError as raised:
        error = raised
    except Exception:  # boundary: the loop
        log.exception("a request with stores failed")
        error = TianjiError("Internal server error")
    if exchange.status:
        exchange.abort()
    else:
        refuse(dialect, exchange, error)
