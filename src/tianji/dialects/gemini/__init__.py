"""Google's generateContent as clients speak it (https://ai.google.dev/api/generate-content)."""

from tianji.dialects.gemini.answering import GeminiEncoder, answer
from tianji.dialects.gemini.failing import error_body, error_event
from tianji.dialects.gemini.reading import read
from tianji.protocol.chat.answer import Completion

__all__ = ["Gemini", "error_body", "error_event", "inbound"]


class Gemini:
    """One request: a `protocol.chat.seam.Inbound`. Raises InvalidRequest or MalformedJSON for what it cannot read.

    The model stands in the path of this API, and whether the answer is streamed. `as_array` is for a stream that was
    asked for without `alt=sse`.
    """

    plain = True

    def __init__(self, body: bytes, model: str, *, streamed: bool) -> None:
        self.as_array = False
        self.request = read(body, model, streamed)

    def again(self, prompt_tokens: int) -> "Gemini":  # noqa: ARG002 - nothing here depends on it
        """Return what answers a request that differs from this one in its texts alone."""
        return self

    @property
    def flow(self) -> bool:
        """Whether a stream is one array."""
        return self.as_array

    def answer(self, completion: Completion) -> bytes:
        """Return the body of a whole answer."""
        return answer(completion)

    def stream(self) -> GeminiEncoder:
        """Begin a streamed answer."""
        return GeminiEncoder(as_array=self.as_array)


def inbound(body: bytes, model: str, streamed: bool) -> Gemini:
    """Read a request whose stream is one of server-sent events."""
    return Gemini(body, model, streamed=streamed)
