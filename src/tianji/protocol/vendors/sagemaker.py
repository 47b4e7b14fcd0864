"""Text generation servers behind SageMaker's endpoints: their form, in the envelope of AWS.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html
"""

from collections.abc import Iterable
from urllib.parse import quote

from tianji.protocol.bedrock.envelope import Envelope
from tianji.protocol.chat.answer import Chunk, Completion
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import EventDecoder, Framing, Target
from tianji.protocol.vendors.tgi import UNSUPPORTED, Decoder, TgiOutbound

__all__ = ["UNSUPPORTED", "Payloads", "SageMakerOutbound", "outbound", "path"]


def outbound(request: Request, target: Target) -> "SageMakerOutbound":
    """Write a request. Raises InvalidRequest or UnsupportedParams for what cannot be said."""
    return SageMakerOutbound(request, target)


class SageMakerOutbound(TgiOutbound):
    """One request to an endpoint."""

    framing: Framing = "aws"

    def __init__(self, request: Request, target: Target) -> None:
        super().__init__(request, target)
        self.suffix = path(target, streamed=bool(request.stream))

    def answer(self, body: bytes) -> Completion:
        """Read a whole answer. Raises UpstreamProtocolError."""
        return Decoder(self._target, self._clock).whole(body)

    def stream(self) -> "Payloads":  # type: ignore[override]  # another decoder around that of the form
        """Begin to read a streamed answer."""
        return Payloads(super().stream())


def path(target: Target, *, streamed: bool) -> str:
    """Return where an endpoint is asked."""
    method = "invocations-response-stream" if streamed else "invocations"
    return f"/endpoints/{quote(target.model, safe='')}/{method}"


class Payloads(Envelope):
    """Takes server-sent events out of the parts that AWS cuts them into, anywhere."""

    def __init__(self, inner: EventDecoder) -> None:
        super().__init__(inner)
        self._held = b""

    def opened(self, name: str, payload: bytes) -> Iterable[Chunk]:
        """Take one part. Raises UpstreamProtocolError for what is no event."""
        del name
        *lines, self._held = (self._held + payload).split(b"\n")
        return [chunk for line in lines for chunk in self._line(line)]

    def end(self) -> Iterable[Chunk]:
        """Take the end of a stream; its last line may lack its end."""
        line, self._held = self._held, b""
        return [*self._line(line), *self._inner.end()]

    def _line(self, line: bytes) -> Iterable[Chunk]:
        text = line.strip()
        if self._inner.done or not text or text.startswith((b":", b"event:", b"id:", b"retry:")):
            return ()
        return self._inner.event("", text.removeprefix(b"data:").strip())
