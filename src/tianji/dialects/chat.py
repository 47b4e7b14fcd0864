"""OpenAI's chat as clients speak it, as a codec of the hub: bytes to a request, answers and chunks to bytes.

https://platform.openai.com/docs/api-reference/chat and .../chat-streaming
"""

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import UNSET

from tianji.protocol.chat.answer import Chunk, Completion
from tianji.protocol.openai.requests import read_request

if TYPE_CHECKING:
    from tianji.protocol.chat.request import Request

_ENCODE: Final = msgspec.json.Encoder().encode
_DONE: Final = b"data: [DONE]\n\n"


class Chat:
    """One request: a `protocol.chat.seam.Inbound`. Raises InvalidRequest or MalformedJSON for what it cannot read."""

    plain = True

    def __init__(self, body: bytes) -> None:
        self.request: Request = read_request(body)

    @property
    def flow(self) -> bool:
        """Whether a stream tells what was used."""
        return (self.request.stream_options or {}).get("include_usage") is True

    def again(self, prompt_tokens: int) -> "Chat":  # noqa: ARG002 - nothing here depends on it
        """Return what answers a request that differs from this one in its texts alone."""
        return self

    def answer(self, completion: Completion) -> bytes:
        """Return the body of a whole answer."""
        return _ENCODE(completion)

    def stream(self) -> "ChatEncoder":
        """Begin a streamed answer."""
        return ChatEncoder(self.flow)


class ChatEncoder:
    """Writes chunks as server-sent events; the one with the usage only for a client that asked for it."""

    repeats = True

    def __init__(self, with_usage: bool) -> None:
        self._with_usage = with_usage

    def chunk(self, chunk: Chunk) -> bytes:
        """Take the next piece of the answer."""
        if not chunk.choices and not self._with_usage and chunk.usage is not UNSET:
            return b""
        return b"data: %b\n\n" % _ENCODE(chunk)

    def end(self) -> bytes:
        """End the stream as one that is whole."""
        return _DONE

    def failed(self, error: dict[str, object]) -> bytes:
        """End the stream as one that is not."""
        members = {name: error.get(name) for name in ("message", "type", "param", "code")}
        return b"data: %b\n\n" % _ENCODE({"error": members})


def inbound(body: bytes, model: str, streamed: bool) -> Chat:  # noqa: ARG001 - both stand in the body
    """Read a request."""
    return Chat(body)
