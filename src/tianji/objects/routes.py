"""The routes of what upstreams keep for callers. What answers them is loaded with the first request."""

import asyncio
import functools
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, Final

from tianji._core.edges.exchange import Exchange
from tianji._core.edges.exchange import Handler as Compiled
from tianji._core.requests.forward import Endpoint
from tianji._core.requests.given import Given
from tianji.auth.access import Access, Tenant
from tianji.dialects.openai import Dialect
from tianji.edge.routes import Match, Route
from tianji.errors import TianjiError
from tianji.lazy import load
from tianji.objects.kinds import SIGN, STORES
from tianji.objects.rows import ROWS, Row

_TAGS: Final = ("objects",)
_BATCHES: Final = "/v1/messages/batches"
_MESSAGE_BATCHES: Final = (  # method, path, what answers it, summary
    ("POST", _BATCHES, "create", "Have many of Anthropic's messages answered at once."),
    ("GET", _BATCHES, "page", "List the batches of messages of the caller."),
    ("GET", f"{_BATCHES}/{{batch}}", "read", "Return how far a batch of messages is."),
    ("DELETE", f"{_BATCHES}/{{batch}}", "delete", "Delete a batch of messages."),
    ("POST", f"{_BATCHES}/{{batch}}/cancel", "cancel", "Cancel a batch of messages."),
    ("GET", f"{_BATCHES}/{{batch}}/results", "results", "Return the answers of a batch of messages."),
)


class Objects:
    """The routes. `desk` makes the Desk that answers; `endpoints`: what serves each dialect."""

    def __init__(self, desk: Callable[[], Any], endpoints: Iterable[tuple[Dialect, Endpoint]]) -> None:
        self._desk = functools.cache(desk)
        self._endpoints = endpoints
        self._under_way: set[asyncio.Task[None]] = set()
        self._batches = functools.cache(lambda: load("tianji.objects.messages.batches").MessageBatches(self._desk()))

    def given(self, dialect: Dialect, endpoint: Endpoint) -> Given:
        """Return the handler of requests that may name files of clients: the upstream gets its own ids of them."""

        def replace(exchange: Exchange, match: Match) -> bool:
            inside = load("tianji.objects.inside")
            if dialect.operation == "responses":
                exchange.body = load("tianji.objects.citing").uncited(exchange.body)
            if STORES in exchange.body:
                try:
                    work = load("tianji.objects.retrieval.finding").finding(
                        self._desk(), dialect, given, exchange, match
                    )
                except TianjiError as error:
                    inside.refuse(dialect, exchange, error)
                    return False
                if work is not None:
                    self._begin(work)
                    return False
            replaced: bool = inside.replace(self._desk, dialect, exchange, match)
            return replaced

        given = Given(endpoint, SIGN, replace)
        return given

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def routes(self) -> Iterator[Route]:
        """Return the rows of the route table."""
        for row in ROWS:
            for template in row.templates:
                yield Route(
                    (row.method,),
                    template,
                    functools.partial(self._serve, row),
                    Access.KEY,
                    Tenant.CALLER,
                    row.summary,
                    _TAGS,
                    large=row.form or (row.of_videos and row.method == "POST"),
                )

        for path in ("/v1/rag/ingest", "/rag/ingest"):
            summary = "Put a document into a vector store."
            yield Route(("POST",), path, self._ingest, Access.KEY, Tenant.CALLER, summary, _TAGS, large=True)
        for path in ("/v1/rag/query", "/rag/query"):
            summary = "Answer a question out of a vector store."
            yield Route(("POST",), path, self._answer, Access.KEY, Tenant.CALLER, summary, _TAGS)
        for method, path, name, summary in _MESSAGE_BATCHES:
            handler = functools.partial(self._serve_batches, name)
            yield Route((method,), path, handler, Access.KEY, Tenant.CALLER, summary, _TAGS)

    async def _serve_batches(self, name: str, exchange: Exchange, match: Match) -> None:
        await getattr(self._batches(), name)(exchange, match.params)

    async def _ingest(self, exchange: Exchange, _: Match) -> None:
        await load("tianji.objects.ingestion").ingest(self._desk(), self._endpoint, exchange)

    async def _answer(self, exchange: Exchange, _: Match) -> None:
        await load("tianji.objects.retrieval.answering").answer(self._desk(), self._endpoint, exchange)

    def _endpoint(self, operation: str) -> Compiled:
        """Return the handler of an operation, to which requests may name files."""
        dialect, endpoint = next(pair for pair in self._endpoints if pair[0].operation == operation)
        return self.given(dialect, endpoint)

    async def _serve(self, row: Row, exchange: Exchange, match: Match) -> None:
        await load("tianji.objects.work").serve(self._desk(), row, exchange, match.params)
