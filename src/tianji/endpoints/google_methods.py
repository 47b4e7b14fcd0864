"""Methods of Google's API beside generateContent: counting tokens and embedding texts.

https://ai.google.dev/api/tokens and https://ai.google.dev/api/embeddings
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any, Final

from tianji._core.bodies.spans import scan
from tianji._core.edges.exchange import Exchange
from tianji._core.requests.forward import Endpoint
from tianji._core.requests.silent import SilentExchange
from tianji.auth.access import Access, Tenant
from tianji.edge.answers import JSON, respond_error, respond_json
from tianji.edge.routes import Handler, Match, Route
from tianji.endpoints.tokens import Counter
from tianji.errors import Header, TianjiError
from tianji.gateway.beforehand.own_requests import NO_MATCH
from tianji.lazy import load
from tianji.protocol.openai.requests import write_request
from tianji.protocol.openai_errors import parse_error

VERSIONS: Final = ("/v1beta", "/v1", "")
_PARTS: Final = {"type": "object", "properties": {"parts": {"type": "array", "items": {"type": "object"}}}}
_SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "countTokens": {"type": "object", "properties": {"contents": {"type": "array", "items": _PARTS}}},
    "embedContent": {"type": "object", "required": ["content"], "properties": {"content": _PARTS}},
    "batchEmbedContents": {
        "type": "object",
        "required": ["requests"],
        "properties": {"requests": {"type": "array", "items": {"type": "object"}}},
    },
}


class GoogleMethods:
    """The routes. `count(body, model)` counts, `upstream_model(name)` says which model serves a name."""

    def __init__(
        self, count: Counter, upstream_model: Callable[[str], str], embeddings: Callable[[], Endpoint]
    ) -> None:
        self._count = count
        self._upstream_model = upstream_model
        self._embeddings = embeddings

    def routes(self) -> list[Route]:
        """Return the rows of the route table."""
        methods: dict[str, tuple[Callable[[Exchange, str], Awaitable[None]], str]] = {
            "countTokens": (self._count_tokens, "Count the tokens of a Google request."),
            "embedContent": (functools.partial(self._embed, batch=False), "Embed a text in Google's form."),
            "batchEmbedContents": (functools.partial(self._embed, batch=True), "Embed texts in Google's form."),
        }
        return [
            Route(
                ("POST",),
                f"{version}/models/{{model:path}}:{name}",
                _answering(handler),
                Access.KEY,
                Tenant.CALLER,
                summary,
                ("models",),
                request_schema=_SCHEMAS[name],
            )
            for name, (handler, summary) in methods.items()
            for version in VERSIONS
        ]

    async def _count_tokens(self, exchange: Exchange, model: str) -> None:
        request = load("tianji.dialects.gemini.reading").read_count(exchange.body, model)
        found = await self._count(scan(write_request(request)), self._upstream_model(model))
        respond_json(exchange, {"totalTokens": found.tokens})

    async def _embed(self, exchange: Exchange, model: str, *, batch: bool) -> None:
        """Ask for embeddings in OpenAI's form, as the caller, and say in Google's what comes of it."""
        form = load("tianji.dialects.gemini.embedding")
        body = form.read_embedding(exchange.body, model, batch=batch)
        ended: asyncio.Future[tuple[int, list[Header], bytes]] = asyncio.get_running_loop().create_future()

        def listen(status: int, headers: list[Header], answer: bytes) -> None:
            if not ended.done():
                ended.set_result((status, headers, answer))

        asking = SilentExchange(exchange.path, body, exchange.identity, listen, exchange.headers)
        asking.logins = exchange.logins
        self._embeddings()(asking, NO_MATCH)
        status, headers, answer = await ended
        told = [JSON, *(pair for pair in headers if pair[0] != b"content-type")]
        if status == 200:
            exchange.respond(200, told, form.embedding_body(answer, batch=batch))
        else:
            failing = load("tianji.dialects.gemini.failing")
            exchange.respond(status, told, failing.error_text(status, parse_error(answer).message))


def _answering(handler: Callable[[Exchange, str], Awaitable[None]]) -> Handler:
    """Return a handler whose errors have Google's shape."""

    async def answer(exchange: Exchange, match: Match) -> None:
        try:
            await handler(exchange, match.params["model"])
        except TianjiError as error:
            respond_error(exchange, error, load("tianji.dialects.gemini").error_body)

    return answer
