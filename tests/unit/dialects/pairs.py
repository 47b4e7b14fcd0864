"""A dialect of clients over a form of upstreams: what is written of a request, and what is told of an answer."""

import json
from importlib import import_module
from typing import Any

import msgspec

from tianji.gateway.translation.translating import CITING
from tianji.protocol.chat.documents import as_files
from tianji.protocol.chat.seam import Target
from tianji.protocol.openai.answers import OpenAIOutbound
from tianji.protocol.openai.requests import forget_private, read_request, write_request

Json = dict[str, Any]
DIALECTS = ("chat", "messages", "gemini", "responses")
UPSTREAMS = {
    "openai": None,
    "anthropic": "anthropic.outbound",
    "gemini": "gemini.outbound",
    "bedrock": "bedrock.outbound",
    "cohere": "cohere.outbound",
    "responses": "responses.outbound",
}
MODELS = {
    "bedrock": "amazon.nova-pro-v1:0",
    "gemini": "gemini-2.5-flash",
    "cohere": "command-a-03-2025",
    "openai": "gpt-4.1",
    "responses": "gpt-4.1",
}
PLAIN: dict[str, Json] = {
    "chat": {"messages": [{"role": "user", "content": "hello"}]},
    "messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
    "responses": {"input": "hello"},
}
"""The least that a client of each dialect can ask."""


def asked(client: str, upstream: str, body: Json, **known: Any) -> tuple[Any, Any]:
    """Return a client's request as it was read, and the upstream's `Outbound`. known: members of its Target."""
    source = json.dumps({"model": "m", **body}).encode()
    inbound = import_module(f"tianji.dialects.{client}").inbound(source, "m", bool(body.get("stream")))
    protocol = UPSTREAMS[upstream]
    path = f"tianji.protocol.{protocol}"
    if path not in CITING:
        as_files(inbound.request)
    target = Target(provider=upstream, model=known.pop("model", MODELS.get(upstream, "claude-sonnet-4-5")), **known)
    if protocol is None:
        if client != "chat":
            forget_private(inbound.request, target)
        return inbound, OpenAIOutbound(write_request(inbound.request), "", target)
    return inbound, import_module(path).outbound(read_request(write_request(inbound.request)), target)


def sent(client: str, upstream: str, body: Json, **known: Any) -> Json:
    """Return what is sent to the upstream."""
    found: Json = json.loads(asked(client, upstream, body, **known)[1].body)
    return found


def told(client: str, upstream: str, answer: Json, body: Json | None = None) -> Json:
    """Return what a client is told of an upstream's whole answer."""
    inbound, outbound = asked(client, upstream, body or PLAIN[client])
    found: Json = json.loads(inbound.answer(outbound.answer(msgspec.json.encode(answer))))
    return found


def streamed(client: str, upstream: str, events: list[tuple[str, Json]], body: Json | None = None) -> list[Json]:
    """Return the events that a client is told of an upstream's stream; each of `events` is its name and its data."""
    inbound, outbound = asked(client, upstream, body or PLAIN[client])
    decoder, encoder = outbound.stream(), inbound.stream()
    chunks = [chunk for name, data in events for chunk in decoder.event(name, msgspec.json.encode(data))]
    chunks += decoder.end()
    assert decoder.finished
    written = b"".join(map(encoder.chunk, chunks)) + encoder.end()
    lines = [line[6:] for line in written.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]
