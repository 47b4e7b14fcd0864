"""How answers of the known APIs say what they used, and which form their bodies have, by the path that was asked.

An answer that is none of these is read as most are: an object with a `usage`.
"""

import re
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from tianji._core.journal.meter import Measures
from tianji._core.streams.messages import MessagesStream
from tianji._core.streams.responses import ResponsesStream
from tianji._core.streams.sse import ChatStream
from tianji._core.streams.stream import AnswerStream
from tianji._core.streams.usage import Usage
from tianji.errors import Header
from tianji.gateway.translation.passages import NATIVE
from tianji.lazy import load

EVENTS: Final = b"text/event-stream"
AWS_EVENTS: Final = b"application/vnd.amazon.eventstream"
_READING: Final = "tianji.passthrough.reading"

Whole = Callable[[bytes, list[Header]], Measures | Usage | None]


class Form(Struct, frozen=True):
    """What reads a stream, by the type of its content, None for one that is none; and a whole answer, None: as most.

    operation: of ours, whose bodies are of the same form; "" for none
    """

    stream: Callable[[bytes], AnswerStream | None]
    whole: Whole | None = None
    operation: str = ""


def _no_stream(_kind: bytes) -> None:
    return None


def _events(made: Callable[[], AnswerStream]) -> Callable[[bytes], AnswerStream | None]:
    return lambda kind: made() if kind.startswith(EVENTS) else None


def _counted(name: str, *kinds: bytes) -> Callable[[bytes], AnswerStream | None]:
    """Return what makes a stream that `reading` reads, for these types of content."""

    def stream(kind: bytes) -> AnswerStream | None:
        if not kind.startswith(kinds):
            return None
        made: AnswerStream = load(_READING).stream(name, framed=kind.startswith(AWS_EVENTS))
        return made

    return stream


def _read(name: str) -> Whole:
    def whole(body: bytes, headers: list[Header]) -> Measures | Usage | None:
        found: Measures | Usage | None = load(_READING).WHOLE[name](body, headers)
        return found

    return whole


CHAT: Final = Form(_events(ChatStream), operation="chat")
_ROWS: Final = (
    (r"/chat/completions|/publishers/(?!anthropic/).*:(stream)?[rR]awPredict", CHAT),
    (r"/completions", Form(_events(ChatStream), operation="completions")),
    (r"/embeddings", Form(_no_stream, operation="embeddings")),
    (r"/moderations", Form(_no_stream, operation="moderations")),
    (r"/images/generations", Form(_no_stream, operation="image_generation")),
    (r"/images/edits", Form(_no_stream, operation="image_edit")),
    (r"/audio/speech", Form(_no_stream, operation="audio_speech")),
    (r"/responses", Form(_events(ResponsesStream), operation="responses")),
    (r"/realtime", Form(_no_stream, operation="realtime")),
    (r"/threads/[^/]+/messages", Form(_no_stream)),  # of OpenAI's assistants
    (r"/messages|.*:(stream)?[rR]awPredict", Form(_events(MessagesStream), operation="messages")),
    (
        r".*:(stream)?[gG]enerateContent",
        Form(_events(lambda: NATIVE["gemini"](b'""', False)), _read("gemini"), "gemini"),
    ),
    (r".*:(embedContent|batchEmbedContents)", Form(_no_stream, operation="gemini")),
    (r".*:predict", Form(_no_stream, _read("predictions"))),
    (r"/v1/automation/run", Form(_no_stream, _read("steps"))),  # of TinyFish
    (r"/converse(-stream)?", Form(_counted("converse", AWS_EVENTS), _read("converse"))),
    (r"/invoke(-with-response-stream)?", Form(_counted("invoke", AWS_EVENTS), _read("invoke"))),
    (r"/v[12]/(chat|embed|rerank|generate|classify)", Form(_counted("cohere", EVENTS), _read("cohere"))),
)
_FORMS: Final = tuple((re.compile(rf".*({pattern})/?", re.DOTALL), form) for pattern, form in _ROWS)


def form_of(path: bytes) -> Form | None:
    """Return how the answers on a path are read; None: as most."""
    text = path.decode("latin-1")
    return next((form for pattern, form in _FORMS if pattern.fullmatch(text)), None)
