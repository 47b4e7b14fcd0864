"""A vendor's own stream in AWS's: its events in the payloads of others.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html
"""

from collections.abc import Iterable

from tianji.protocol.bedrock.decoder import failure
from tianji.protocol.bedrock.event_stream import EXCEPTION
from tianji.protocol.chat.answer import Chunk
from tianji.protocol.chat.seam import EventDecoder, StreamFailed


class Envelope:
    """Base of what reads such a stream. inner: reads the vendor's."""

    def __init__(self, inner: EventDecoder) -> None:
        self._inner = inner

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
        return self.opened(name, payload)

    def opened(self, name: str, payload: bytes) -> Iterable[Chunk]:
        """Take one that is none of AWS's own."""
        raise NotImplementedError

    def end(self) -> Iterable[Chunk]:
        """Take the end of a stream."""
        return self._inner.end()
