"""Rows of the route table for what models do: one for each path of each dialect."""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from tianji._core.edges.exchange import Handler as Compiled
from tianji._core.requests.forward import Endpoint
from tianji.auth.access import Access, Tenant
from tianji.cache.caches import Caches
from tianji.dialects.openai import Dialect
from tianji.dialects.schema import request_schema
from tianji.edge.routes import Handler, Route
from tianji.endpoints import cursor
from tianji.endpoints.responses import StoredResponses
from tianji.gateway.translation.forms import FormEndpoint
from tianji.storage.store import Store

_NAMING: Final = frozenset({"chat", "messages", "gemini"})  # and responses, whose endpoint is wrapped once more


def routes(
    endpoints: Iterable[tuple[Dialect, Endpoint]],
    store: Store,
    caches: Caches,
    max_body: int,
    guards: Callable[[], Any],
    given: Callable[[Dialect, Endpoint], Compiled],
) -> Iterator[Route]:
    """Yield the rows. `endpoints`: dialects with what serves them; max_body: bytes of a form that is held.

    guards: see StoredResponses; given: makes the handler of requests that may name files which clients were given
    """
    for dialect, endpoint in endpoints:
        compiled = given(dialect, endpoint) if dialect.operation in _NAMING else endpoint
        handler: Handler = compiled
        if dialect.operation == "responses":
            stored = StoredResponses(store, given(dialect, endpoint), dialect.paths, guards)
            handler = stored.create
            yield from stored.routes()
        elif dialect.operation == "compact":
            handler = stored.continuing(endpoint)
        elif dialect.form:
            handler = FormEndpoint(endpoint, max_body, functools.partial(caches.keeps, dialect.operation))
        ways = [(path, handler) for path in dialect.paths]
        if dialect.operation == "chat":
            bridged = cursor.bridge(compiled)
            ways += [(path, bridged) for path in cursor.CHAT_PATHS]
        for path, answers in ways:
            yield Route(
                ("POST",),
                path.replace("{model}", "{model:path}"),
                answers,
                Access.KEY,
                Tenant.CALLER,
                f"{dialect.vendor} {dialect.operation}.",
                ("models",),
                large=dialect.form,
                request_schema=request_schema(dialect),
            )
