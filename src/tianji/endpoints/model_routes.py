"""Rows of the route table for what models do: one for each path of each dialect."""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from tianji._core.exchange import Handler as Compiled
from tianji._core.forward import Endpoint
from tianji.auth.access import Access, Tenant
from tianji.cache.caches import Caches
from tianji.dialects.openai import Dialect
from tianji.dialects.schema import request_schema
from tianji.edge.routes import Handler, Route
from tianji.endpoints.responses import StoredResponses
from tianji.gateway.forms import FormEndpoint
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
        handler: Handler = given(dialect, endpoint) if dialect.operation in _NAMING else endpoint
        if dialect.operation == "responses":
            stored = StoredResponses(store, given(dialect, endpoint), dialect.paths, guards)
            handler = stored.create
            yield from stored.routes()
        elif dialect.operation == "compact":
            handler = stored.continuing(endpoint)
        elif dialect.form:
            handler = FormEndpoint(endpoint, max_body, functools.partial(caches.keeps, dialect.operation))
        for path in dialect.paths:
            yield Route(
                ("POST",),
                path.replace("{model}", "{model:path}"),
                handler,
                Access.KEY,
                Tenant.CALLER,
                f"{dialect.vendor} {dialect.operation}.",
                ("models",),
                large=dialect.form,
                request_schema=request_schema(dialect),
            )
