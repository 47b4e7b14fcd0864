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
from tianji.protocol.bedrock.envelope import Envelope
from tianji.protocol.chat.answer import Chunk
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Framing, Target
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


class Unwrapping(Envelope):
    """Takes Anthropic's events out of Bedrock's."""

    def __init__(self, inner: Decoder, target: Target) -> None:
        super().__init__(inner)
        self._target = target

    def opened(self, name: str, payload: bytes) -> Iterable[Chunk]:
        """Take an event. Raises UpstreamProtocolError for what is none."""
        if name != "chunk":
            return ()
        try:
            inner = base64.b64decode(msgspec.json.decode(payload, type=_Envelope).bytes)
            named = msgspec.json.decode(inner, type=_Named)
        except (msgspec.DecodeError, binascii.Error, ValueError, RecursionError) as error:
            raise unreadable(self._target, str(error), payload) from error
        return self._inner.event(named.type, inner)


def outbound(request: Request, target: Target) -> InvokeMessages:
    """Write a request."""
    return InvokeMessages(request, target)
