"""The Responses API as ChatGPT's plans have it: it streams whatever is asked, stores nothing, and knows no limits."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from tianji.protocol.chat.answer import Chunk, Completion
from tianji.protocol.chat.collect import collect
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import unreadable
from tianji.protocol.responses.outbound import ResponsesOutbound

_REFUSED: Final = frozenset({"max_output_tokens", "metadata", "user", "safety_identifier", "service_tier"})
_USUAL: Final = "You are a helpful assistant."
"""What is said to a model that nobody has told anything: the backend refuses a request without instructions."""


class ChatGPTOutbound(ResponsesOutbound):
    """One request, whose answer is a stream of events even where it is wanted as a whole."""

    takes_lists = True

    def __init__(self, request: Request, target: Target) -> None:
        super().__init__(request, target)
        members: dict[str, Any] = msgspec.json.decode(self.body)
        kept = {name: value for name, value in members.items() if name not in _REFUSED}
        told = {"instructions": kept.get("instructions") or _USUAL, "stream": True, "store": False}
        self.body = msgspec.json.encode(kept | told)

    def answer(self, body: bytes) -> Completion:
        """Read the events of a whole answer. Raises UpstreamProtocolError, and StreamFailed for one that failed."""
        decoder = self.stream()
        chunks: list[Chunk] = []
        for payload in _payloads(body):
            chunks += decoder.event("", payload)
        found = collect([*chunks, *decoder.end()])
        if found is None or not decoder.finished:
            raise unreadable(self._target, "it is no stream that comes to its end", body)
        return found


def outbound(request: Request, target: Target) -> ChatGPTOutbound:
    """Write a request."""
    return ChatGPTOutbound(request, target)


def _payloads(body: bytes) -> Iterator[bytes]:
    """Yield the data of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    for event in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        lines: Iterable[bytes] = (line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:"))
        data = b"\n".join(lines)
        if data and data != b"[DONE]":
            yield data
