"""Anthropic's Messages as clients speak it (https://docs.anthropic.com/en/api/messages)."""

from tianji.dialects.messages.answering import answer
from tianji.dialects.messages.failing import error_body, error_event
from tianji.dialects.messages.reading import read
from tianji.dialects.messages.streaming import MessagesEncoder
from tianji.dialects.tool_names import ToolNames
from tianji.protocol.chat.answer import Completion

__all__ = ["Messages", "error_body", "error_event", "inbound"]

_BYTES_A_TOKEN = 4


class Messages:
    """One request: a `protocol.chat.seam.Inbound`. Raises InvalidRequest or MalformedJSON for what it cannot read."""

    def __init__(self, body: bytes) -> None:
        self._names = ToolNames()
        self._prompt_tokens = len(body) // _BYTES_A_TOKEN
        self.request = read(body, self._names)

    @property
    def plain(self) -> bool:
        """Whether no name of a tool has to be put back into an answer."""
        return self._names.kept

    def again(self, prompt_tokens: int) -> "Messages":
        """Return what answers a request of about so many tokens that differs from this one in its texts alone."""
        other = Messages.__new__(Messages)
        other._names, other._prompt_tokens, other.request = self._names, prompt_tokens, self.request
        return other

    def answer(self, completion: Completion) -> bytes:
        """Return the body of a whole answer."""
        return answer(completion, self._names)

    def stream(self) -> MessagesEncoder:
        """Begin a streamed answer; its first event holds an estimate of the prompt's tokens, its last the count."""
        return MessagesEncoder(self._names, self._prompt_tokens)


def inbound(body: bytes, model: str, streamed: bool) -> Messages:  # noqa: ARG001 - both stand in the body
    """Read a request."""
    return Messages(body)
