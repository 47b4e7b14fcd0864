"""Chat as the Cursor editor asks for it: with `input`, as in the Responses API, or with `messages`, at one path.

Its models of OpenAI's later kinds are asked in the former way even at a base address of one's own, and the answer is
read as chat all the same; so LiteLLM's proxy has this path for it.
"""

from collections.abc import Awaitable
from typing import Final

import msgspec

from tianji._core.bodies.spans import scan
from tianji._core.edges.exchange import Exchange
from tianji._core.edges.exchange import Handler as Compiled
from tianji.edge.answers import openai_error, respond_error
from tianji.edge.routes import Handler, Match
from tianji.errors import MalformedJSON, TianjiError
from tianji.lazy import load
from tianji.protocol.openai.requests import write_request

CHAT_PATHS: Final = ("/cursor/chat/completions", "/cursor/v1/chat/completions")
_KEPT: Final = ("metadata", "litellm_metadata")
"""What of such a request is for the gateway, and has no place in what is told to a model."""


def bridge(chat: Compiled) -> Handler:
    """Return the handler. `chat`: that of chat, which answers."""

    def answer(exchange: Exchange, match: Match) -> Awaitable[None] | None:
        try:
            exchange.body = chat_body(exchange.body)
        except TianjiError as error:
            respond_error(exchange, error, openai_error)
            return None
        chat(exchange, match)
        return None

    return answer


def chat_body(body: bytes) -> bytes:
    """Return a request in the form of chat. Raises InvalidRequest for one that is in neither form."""
    try:
        spans = scan(body)
    except MalformedJSON:
        return body  # whoever answers says so
    if b"input" not in spans or b"messages" in spans:
        return body
    request = load("tianji.dialects.responses").inbound(body, "", False).request
    kept = {name: msgspec.json.decode(value) for name in _KEPT if (value := spans.get(name.encode())) is not None}
    request.extra = {**(request.extra or {}), **kept} or None
    return write_request(request)
