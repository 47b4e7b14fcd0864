"""Answers that are none, as upstreams give them, and the clients that ask for them: rows of a table."""

from collections.abc import Callable
from typing import Any

JSON, EVENTS = "application/json", "text/event-stream"
FORMS: dict[str, Callable[[str, bool], tuple[str, dict[str, Any]]]] = {
    "chat": lambda model, stream: ("/v1/chat/completions", {"model": model, "messages": SAID, "stream": stream}),
    "completions": lambda model, stream: ("/v1/completions", {"model": model, "prompt": "x", "stream": stream}),
    "responses": lambda model, stream: ("/v1/responses", {"model": model, "input": "x", "stream": stream}),
    "messages": lambda model, stream: (
        "/v1/messages",
        {"model": model, "max_tokens": 5, "messages": SAID, "stream": stream},
    ),
    "gemini": lambda model, stream: (
        f"/v1beta/models/{model}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}",
        {"contents": [{"role": "user", "parts": [{"text": "x"}]}]},
    ),
    "embeddings": lambda model, _stream: ("/v1/embeddings", {"model": model, "input": "x"}),
}
SAID = [{"role": "user", "content": "x"}]
PAIRS = [  # of a client's form and an upstream, whose name begins with its provider's: the same form, and another
    ("chat", "openai"), ("chat", "anthropic"), ("chat", "gemini"),
    ("completions", "openai"), ("completions", "anthropic"),
    ("responses", "openai-responses"), ("responses", "openai"), ("responses", "anthropic"),
    ("messages", "anthropic"), ("messages", "openai"),
    ("gemini", "gemini"), ("gemini", "openai"),
    ("embeddings", "openai"), ("embeddings", "cohere"),
]  # fmt: skip


def answer(body: str, kind: str = JSON) -> dict[str, Any]:
    """Return the fault of an answer with this body."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return {"raw": head + body}


WHOLE: dict[str, dict[str, Any]] = {
    "closed": {"close": True},
    "closed within the head": {"raw": "HTTP/1.1 200 OK\r\ncontent-ty", "close": True},
    "closed within the body": {**answer('{"id"'), "close": True}
    | {"raw": 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"id"'},
    "empty": answer(""),
    "an empty object": answer("{}"),
    "another object": answer('{"id":1}'),
    "null": answer('{"choices":null,"content":null,"output":null,"candidates":null,"data":null}'),
    "a page": answer("<html>fine</html>", "text/html"),
    "half": answer('{"id":"x","choi'),
}
SILENT = ("closed", "closed within the head")  # no answer began
STREAMED = {
    **WHOLE,
    "no event": answer("", EVENTS),
    "a comment": answer(": hi\n\n", EVENTS),
    "an empty event": answer("data: {}\n\n", EVENTS),
    "only its end": answer("data: [DONE]\n\n", EVENTS),
    "nonsense": answer("data: <x\n\n", EVENTS),
}
BEGUN = {  # the first words of a stream, by upstream
    "openai": 'data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n',
    "openai-responses": 'data: {"type":"response.output_text.delta","delta":"hi"}\n\n',
    "anthropic": (
        'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant",'
        '"content":[],"model":"c","usage":{"input_tokens":1,"output_tokens":1}}}\n\n'
        'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        '"content_block":{"type":"text","text":""}}\n\nevent: content_block_delta\ndata: {"type":"content_block_delta",'
        '"index":0,"delta":{"type":"text_delta","text":"hi"}}\n\n'
    ),
    "gemini": 'data: {"candidates":[{"content":{"role":"model","parts":[{"text":"hi"}]},"index":0}]}\n\n',
}
CUT = {"and then no more": "", "and then nonsense": "data: <x\n\n"}
