"""How many tokens a request has, told before it is sent."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from tianji._core.bodies.spans import ObjectSpans, scan
from tianji._core.edges.exchange import Exchange
from tianji.accounting.counter import Count
from tianji.auth.access import Access, Tenant
from tianji.dialects.rows import ROWS
from tianji.edge.answers import respond_error, respond_json
from tianji.edge.routes import Handler, Match, Route
from tianji.errors import InvalidRequest, TianjiError
from tianji.lazy import load
from tianji.protocol.openai.requests import write_request

_TEXT: Final = {"type": ["string", "array"], "items": {}}
_REQUEST: Final = {
    "type": "object",
    "required": ["model"],
    "properties": {
        "model": {"type": "string"},
        "messages": {"type": "array", "items": {"type": "object"}},
        "contents": {"type": "array", "items": {"type": "object"}},
        "prompt": _TEXT,
        "input": _TEXT,
        "tools": {"type": "array", "items": {"type": "object"}},
        "tool_choice": {"type": ["string", "object"]},
    },
}
_MODEL: Final = {"type": "string"}
_MESSAGES: Final = {
    "type": "object",
    "required": ["model", "messages"],
    "properties": {"model": _MODEL, "messages": {"type": "array", "items": {"type": "object"}}},
}
_RESPONSES: Final = {
    "type": "object",
    "required": ["model", "input"],
    "properties": {"model": _MODEL, "input": _TEXT},
}
_CHAT: Final = (b"messages", b"contents")
_PLAIN: Final = (b"prompt", b"input")


class TokenCount(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. All but `encoding` and `exact` are as clients of LiteLLM's proxy know them, constants included."""

    total_tokens: int
    request_model: str
    model_used: str
    encoding: str
    exact: bool
    tokenizer_type: str = "openai_tokenizer"
    count_source: str = "local_estimate"
    original_response: None = None
    error: bool = False
    error_message: None = None
    status_code: None = None


Counter = Callable[[ObjectSpans, str], Awaitable[Count]]


class Tokens:
    """The route. `count(body, model)` counts; `upstream_model(name)` says which model serves a name."""

    def __init__(self, count: Counter, upstream_model: Callable[[str], str]) -> None:
        self._count = count
        self._upstream_model = upstream_model

    def routes(self) -> list[Route]:
        """Return the rows of the route table."""

        def row(path: str, handler: Handler, summary: str, schema: Mapping[str, object]) -> Route:
            return Route(
                ("POST",), path, handler, Access.KEY, Tenant.CALLER, summary, ("utilities",), request_schema=schema
            )

        return [
            row("/utils/token_counter", self._answer, "Count the tokens of messages or of a prompt.", _REQUEST),
            row("/v1/messages/count_tokens", self._messages, "Count the tokens of an Anthropic request.", _MESSAGES),
            *(
                row(f"{path}/input_tokens", self._responses, "Count the tokens of a Responses request.", _RESPONSES)
                for dialect in ROWS
                if dialect.operation == "responses"
                for path in dialect.paths
            ),
        ]

    async def _messages(self, exchange: Exchange, _match: Match) -> None:
        """Answer as https://docs.anthropic.com/en/api/messages-count-tokens says, errors included."""
        dialect = load("tianji.dialects.messages")
        try:
            tokens = await self._of(dialect, exchange.body)
        except TianjiError as error:
            respond_error(exchange, error, dialect.error_body)
        else:
            respond_json(exchange, {"input_tokens": tokens})

    async def _responses(self, exchange: Exchange, _match: Match) -> None:
        """Answer as https://platform.openai.com/docs/api-reference/responses/input-tokens says."""
        tokens = await self._of(load("tianji.dialects.responses"), exchange.body)
        respond_json(exchange, {"object": "response.input_tokens", "input_tokens": tokens})

    async def _of(self, dialect: Any, body: bytes) -> int:
        """Count a request of another dialect, as the chat request that it comes to."""
        request = dialect.inbound(body, "", False).request
        found = await self._count(scan(write_request(request)), self._upstream_model(request.model))
        return found.tokens

    async def _answer(self, exchange: Exchange, _match: Match) -> None:
        body = scan(exchange.body)
        name = body.string(b"model")
        if not name:
            raise InvalidRequest("model is missing; name the model whose tokens are to be counted", param="model")
        chat, plain = (any(member in body for member in members) for members in (_CHAT, _PLAIN))
        if not chat and not plain:
            raise InvalidRequest("prompt or messages or contents must be provided", param="messages")
        if chat and plain:
            raise InvalidRequest("prompt cannot be sent with messages or contents; send one of them", param="prompt")
        model = self._upstream_model(name)
        found = await self._count(body, model)
        answer = TokenCount(
            total_tokens=found.tokens,
            request_model=name,
            model_used=model,
            encoding=found.encoding,
            exact=found.exact,
        )
        respond_json(exchange, answer)
