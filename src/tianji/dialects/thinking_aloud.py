"""OpenAI's chat whose streams tell thoughts within the text, as `<think>...</think>`, which Open WebUI reads.

For deployments with `merge_reasoning_content_in_choices`. As in LiteLLM, whole answers stay as they are.
"""

from typing import Final

from msgspec import UNSET

from tianji.dialects.chat import Chat, ChatEncoder
from tianji.protocol.chat.answer import Chunk, ChunkChoice

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>"


class AloudEncoder(ChatEncoder):
    """Writes chunks with `reasoning_content` as part of `content`, for each of the answers that were asked for."""

    repeats = False  # what a piece is written as depends on the one before it

    def __init__(self, with_usage: bool) -> None:
        super().__init__(with_usage)
        self._thinking: set[int] = set()

    def chunk(self, chunk: Chunk) -> bytes:
        """Take the next piece of the answer."""
        for choice in chunk.choices:
            self._merge(choice)
        return super().chunk(chunk)

    def _merge(self, choice: ChunkChoice) -> None:
        delta = choice.delta
        thought, delta.reasoning_content = delta.reasoning_content or "", UNSET
        thinks = choice.index in self._thinking
        ends = bool(delta.content or delta.tool_calls or choice.finish_reason) and (thinks or bool(thought))
        if not thought and not ends:
            return
        opening = _OPEN if thought and not thinks else ""
        delta.content = opening + thought + (_CLOSE if ends else "") + (delta.content or "")
        if ends:
            self._thinking.discard(choice.index)
        else:
            self._thinking.add(choice.index)


class Aloud(Chat):
    """One request whose stream is told so."""

    def stream(self) -> AloudEncoder:
        """Begin a streamed answer."""
        return AloudEncoder(self.flow)


def inbound(body: bytes, model: str, streamed: bool) -> Aloud:  # noqa: ARG001 - both stand in the body
    """Read a request."""
    return Aloud(body)
