"""OpenAI's form as upstreams vary it: what they send is made usual before it is read."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from tianji.protocol.chat.answer import Chunk, Completion
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.loose import objects_of
from tianji.protocol.openai.answers import ChunkDecoder, OpenAIOutbound
from tianji.protocol.openai.requests import forget_private, write_request

Json = dict[str, Any]
Usual = Callable[[Json], Json]
"""Takes an answer or a chunk, of whatever content, and returns it as OpenAI would have sent it."""


class VariantOutbound(OpenAIOutbound):
    """One request whose answer is made usual."""

    plain = False

    def __init__(self, members: Json, suffix: str, target: Target, usual: Usual) -> None:
        super().__init__(msgspec.json.encode(members), suffix, target)
        self._usual = usual

    def answer(self, body: bytes) -> Completion:
        """Read a whole answer. Raises UpstreamProtocolError."""
        return super().answer(rewritten(body, self._usual))

    def stream(self) -> "VariantDecoder":
        """Begin to read a streamed answer."""
        return VariantDecoder(self._target, self._usual)


class VariantDecoder(ChunkDecoder):
    """Reads a stream whose chunks are made usual."""

    def __init__(self, target: Target, usual: Usual) -> None:
        super().__init__(target)
        self._make_usual = usual

    def event(self, name: str, payload: bytes) -> Iterable[Chunk]:
        """Take one event. Raises StreamFailed for an error, UpstreamProtocolError for what is no chunk."""
        return super().event(name, rewritten(payload, self._make_usual))


def rewritten(payload: bytes, usual: Usual) -> bytes:
    """Return what was sent, made usual; what is no JSON object stays, for whoever reads it to say so."""
    try:
        members = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return payload
    return msgspec.json.encode(usual(members)) if isinstance(members, dict) else payload


def members_of(request: Request, target: Target) -> Json:
    """Return a request in OpenAI's form under the upstream's name of the model, without what is private to us."""
    forget_private(request, target)
    members: Json = msgspec.json.decode(write_request(request))
    return members | {"model": target.model}


def messages_in(members: Json) -> Iterator[Json]:
    """Yield the message, or the piece of one, of each choice that has one."""
    for choice in objects_of(members.get("choices")):
        for name in ("message", "delta"):
            if isinstance(choice.get(name), dict):
                yield choice[name]
