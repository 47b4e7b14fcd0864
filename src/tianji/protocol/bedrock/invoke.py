"""Claude on Bedrock by InvokeModel: Anthropic's own form in Bedrock's envelope.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html and
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html
"""

import base64
import binascii
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from tianji.protocol.anthropic.events import Decoder
from tianji.protocol.anthropic.outbound import Message, MessagesOutbound
from tianji.protocol.anthropic.vertex import hosted_body
from tianji.protocol.bedrock.decoder import failure
from tianji.protocol.bedrock.event_stream import EXCEPTION
from tianji.protocol.chat.answer import Chunk
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Framing, StreamFailed, Target
from tianji.protocol.chat.support import unreadable

VERSION: Final = "bedrock-2023-05-31"


class _Envelope(Struct):
    bytes: str


class _Named(Struct):
    type: str = ""


class InvokeMessages(MessagesOutbound):
    """One request: Anthropic's, with the model in the path, and the version and beta flags in the body."""

    framing: Framing = "aws"
    headers = ()

    def __init__(self, request: Request, target: Target) -> None:
        super().__init__(request, target)
        method = "invoke-with-response-stream" if request.stream else "invoke"
        self.suffix = f"/model/{quote(target.model, safe='')}/{method}"

    def _sent(self, message: Message) -> dict[str, Any]:
        hosted = hosted_body(message.body, message.betas, VERSION)
        return {name: value for name, value in hosted.items() if name != "stream"}

    def stream(self) -> "Unwrapping":  # type: ignore[override]  # another decoder around that of the form
        """Begin to read a streamed answer."""
        return Unwrapping(super().stream(), self._target)


class Unwrapping:
    """Takes Anthropic's events out of Bedrock's."""

    def __init__(self, inner: Decoder, target: Target) -> None:
        self._inner = inner
        self._target = target

    @property
    def done(self) -> bool:
        """Whether nothing follows that matters."""
        return self._inner.done

    @property
    def finished(self) -> bool:
        """Whether the answer is whole."""
        return self._inner.finished

    def event(self, name: str, payload: bytes) -> Iterable[Chunk]:
        """Take one event. Raises StreamFailed for an exception, UpstreamProtocolError for what is no event."""
        if name.startswith(EXCEPTION):
            raise StreamFailed(failure(name.removeprefix(EXCEPTION), payload))
        if name != "chunk":
            return ()
        try:
            inner = base64.b64decode(msgspec.json.decode(payload, type=_Envelope).bytes)
            named = msgspec.json.decode(inner, type=_Named)
        except (msgspec.DecodeError, binascii.Error, ValueError, RecursionError) as error:
            raise unreadable(self._target, str(error), payload) from error
        return self._inner.event(named.type, inner)

    def end(self) -> Iterable[Chunk]:
        """Take the end of a stream."""
        return self._inner.end()


def outbound(request: Request, target: Target) -> InvokeMessages:
    """Write a request."""
    return InvokeMessages(request, target)
